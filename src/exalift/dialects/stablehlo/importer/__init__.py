"""StableHLO modules that somebody else wrote, as tensor programs."""

from .assignments import assign
from .importing import import_module, public_functions, read_signature
from .storage import merge_arrays

__all__ = ["assign", "import_module", "merge_arrays", "public_functions", "read_signature"]
