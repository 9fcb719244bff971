"""A module as the folder of files that HubSpot's CLI uploads."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipelines.hubspot.fields import Field

_NAME = re.compile(r"[a-z][a-z0-9_]{0,79}")


@dataclass(frozen=True, slots=True)
class HubspotModule:
    """A module's name (its folder without ``.module``), code, fields and configuration."""

    name: str
    html: str = field(repr=False)
    fields: Sequence[Field] = field(repr=False)
    meta: Mapping[str, Any] = field(repr=False)
    css: str = field(default="", repr=False)
    js: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} is no module name: lower-case letters, digits and underscores")

    @property
    def folder(self) -> str:
        return f"{self.name}.module"

    def files(self) -> dict[str, bytes]:
        """The folder's files by their path from its parent (``hero.module/module.html``)."""
        contents = {
            "module.html": self.html,
            "fields.json": _json(list(self.fields)),
            "meta.json": _json(dict(self.meta)),
            "module.css": self.css,
            "module.js": self.js,
        }
        return {f"{self.folder}/{name}": content.encode() for name, content in contents.items()}


def _json(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, indent=2) + "\n"
