"""The terminal view of a daemon: frames (`rich`), and the live screen made of them (`textual`).

`dashboard.screen` is loaded on demand, since textual is an extra.
"""

from .frame import devices_table, frame, headline, jobs_rows, moves_table, tenants_table

__all__ = ["devices_table", "frame", "headline", "jobs_rows", "moves_table", "tenants_table"]
