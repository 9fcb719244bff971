"""A module as a folder of files, and folders as one zip that HubSpot's CLI uploads (``hs upload <folder> <path>``)."""

import io
import json
import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipelines.hubspot.fields import Field

_NAME = re.compile(r"[a-z][a-z0-9_]{0,79}")
_EPOCH = (1980, 1, 1, 0, 0, 0)


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

    @classmethod
    def from_ir(cls, module: Mapping[str, Any]) -> "HubspotModule":
        """The module in a ``module_generate`` IR (its ``module`` object)."""
        return cls(
            name=module["name"],
            html=module["html"],
            fields=module["fields"],
            meta=module["meta"],
            css=module["css"],
            js=module["js"],
        )


def module_zip(modules: Iterable[HubspotModule]) -> bytes:
    """All modules' folders side by side in one zip; the same bytes for the same modules.

    Raises ``ValueError`` when two modules have one name.
    """
    files: dict[str, bytes] = {}
    for module in modules:
        if f"{module.folder}/module.html" in files:
            raise ValueError(f"two modules are named {module.name!r}")
        files.update(module.files())
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(files):
            archive.writestr(zipfile.ZipInfo(path, _EPOCH), files[path], zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _json(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, indent=2) + "\n"
