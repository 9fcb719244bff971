"""The registry's screens: versions under their line, their editor, their life, and the records they leave."""

from ir_schemas.admin import records, versions

__all__ = ["records", "versions"]
