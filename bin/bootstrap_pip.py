"""Installs pip into this environment where Python came without ensurepip.

Takes one pinned wheel from the Python package index, checks its SHA-256, and lets it install itself.
"""

import hashlib
import os
import re
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from urllib.parse import urljoin

WHEEL = "pip-25.3-py3-none-any.whl"
SHA256 = "9655943313a94722b7774661c21049070f6bbb0a1516bf02f7c8d5d9201514cd"


def read(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=60) as response:  # noqa: S310 - the index pip itself would ask
        return bytes(response.read())


def wheel_url() -> str:
    """The wheel's address, from the index's page about pip (PEP 503)."""
    index = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple").rstrip("/") + "/pip/"
    match = re.search(rf'href="([^"]*/{re.escape(WHEEL)}[^"]*)"', read(index).decode())
    if match is None:
        raise SystemExit(f"{index} does not offer {WHEEL}.")
    return str(urljoin(index, match[1]))


def main() -> int:
    url = wheel_url()
    wheel = read(url)
    if hashlib.sha256(wheel).hexdigest() != SHA256:
        sys.stderr.write(f"The pip wheel from {url} does not have the expected SHA-256.\n")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / WHEEL
        path.write_bytes(wheel)
        command = [sys.executable, f"{path}/pip", "install", "--quiet", "--no-index", "--no-deps", str(path)]
        return subprocess.run(command, check=False).returncode  # noqa: S603


if __name__ == "__main__":
    sys.exit(main())
