"""StableHLO modules that somebody else wrote, as tensor programs."""

from .importing import Imported, ModuleSignature, Parameter, import_module, public_functions, read_signature

__all__ = ["Imported", "ModuleSignature", "Parameter", "import_module", "public_functions", "read_signature"]
