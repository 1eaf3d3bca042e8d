"""Several hosts' daemons as one, over Ray (`hosts` needs it, and is loaded on demand)."""

from .placement import HostLoad, in_order, split_job, split_place

__all__ = ["HostLoad", "in_order", "split_job", "split_place"]
