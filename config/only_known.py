"""Bodies that say something nobody reads are refused: a slip in a name would count as leaving the member out."""

from difflib import get_close_matches
from typing import Any

from rest_framework import serializers

MOST_TOLD = 20
MOST_NAME = 80


class OnlyKnown(serializers.Serializer[Any]):
    """Refuses members that are no field. Read-only ones are passed over, as what was read may be sent back changed."""

    def to_internal_value(self, data: Any) -> Any:
        """The body's values. Raises ``ValidationError`` with each member that is unknown."""
        unknown = [name for name in data if name not in self.fields] if isinstance(data, dict) else []
        if unknown:
            raise serializers.ValidationError({name[:MOST_NAME]: self._no_field(name) for name in unknown[:MOST_TOLD]})
        return super().to_internal_value(data)

    def _no_field(self, name: str) -> serializers.ErrorDetail:
        known = [key for key, field in self.fields.items() if not field.read_only]
        near = get_close_matches(name[:MOST_NAME], known, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(known)}."
        return serializers.ErrorDetail(f"There is no field {name[:MOST_NAME]!r} here. {hint}", code="unknown-field")
