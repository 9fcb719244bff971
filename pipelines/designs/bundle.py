"""A design as every step sees it: one entry file and the assets it refers to, whole and in memory.

A bundle is read once, when the run starts, and stored as one zip, so that a step on any machine sees the same bytes
and nothing is fetched while a step runs.
"""

import hashlib
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from config.canonical import content_hash
from config.zips import zip_bytes

DesignKind = Literal["html", "image"]


@dataclass(frozen=True)
class DesignBundle:
    """``files`` maps a relative POSIX path to its bytes; ``entry`` is the page or the picture among them.

    ``name`` is what people call it (``index.html``). Paths start at the root of the site or folder, and the entry's own
    relative URLs resolve from where it stands: ``../css/a.css`` of ``pages/one.html`` is ``css/a.css``. ``base_url`` is
    the address of that root, ``None`` for a file. ``notes`` say what was left out when the design was loaded.
    """

    kind: DesignKind
    name: str
    entry: str
    files: Mapping[str, bytes] = field(repr=False)
    base_url: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def content(self) -> bytes:
        return self.files[self.entry]

    @cached_property
    def sha256(self) -> str:
        """Hex digest of the entry file alone."""
        return hashlib.sha256(self.content).hexdigest()

    @cached_property
    def fingerprint(self) -> str:
        """Hex digest of everything that a step sees of the design."""
        files = {path: hashlib.sha256(content).hexdigest() for path, content in self.files.items()}
        return content_hash([self.kind, self.name, self.entry, self.base_url, files, list(self.notes)])

    def to_zip(self) -> bytes:
        """The same bytes for the same files: entries sorted, times fixed."""
        return zip_bytes(self.files)

    @classmethod
    def from_zip(
        cls, data: bytes, *, kind: DesignKind, name: str, entry: str, base_url: str | None = None
    ) -> "DesignBundle":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            files = {path: archive.read(path) for path in archive.namelist()}
        return cls(kind=kind, name=name, entry=entry, files=files, base_url=base_url)
