"""What JSON's own grammar lets pass and no reader should guess at."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

MOST_SHOWN = 80

Pairs = Sequence[tuple[str, Any]]


def object_of(pairs: Pairs) -> dict[str, Any]:
    """The object of these members, as ``object_pairs_hook`` of ``json.loads``.

    Raises ``ValueError``, which names the key and the object, for a key that stands twice: which of its values counts
    would be a guess.
    """
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError(_twice(pairs))
    return found


def _twice(pairs: Pairs) -> str:
    [(key, _)] = Counter(name for name, _ in pairs).most_common(1)
    return f"the key {_shown(key)} stands twice in the object that begins with {_begin(*pairs[0])}. Keep one of them."


def _begin(name: str, value: Any) -> str:
    inside = "{…}" if isinstance(value, dict) else "[…]" if isinstance(value, list) else _shown(value)
    return f"{_shown(name)}: {inside}"


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return repr(value[:MOST_SHOWN])
    return json.dumps(value)[:MOST_SHOWN]
