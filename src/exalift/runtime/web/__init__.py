"""The daemon's web page and what it asks (`server` needs aiohttp, and is loaded on demand)."""

from .address import Address, parse_address

__all__ = ["Address", "parse_address"]
