"""Builds package.zip from the package beside this file, the same bytes on every machine.

Files are stored rather than deflated, since compressors differ between versions; names are sorted; times and modes are
fixed. So the archive can be checked in, and every plan on every system sees the same hash.

Usage: python lambda/build.py [OUTPUT]
"""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
PACKAGE = HERE / "kinesis_autoscaler"
OUTPUT = HERE / "package.zip"

_TIME = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_REGULAR_FILE_644 = 0o100644 << 16


def build() -> bytes:
    """The archive's bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(PACKAGE.rglob("*.py")):
            entry = zipfile.ZipInfo(path.relative_to(HERE).as_posix(), _TIME)
            entry.create_system = _UNIX
            entry.external_attr = _REGULAR_FILE_644
            archive.writestr(entry, path.read_bytes())
    return buffer.getvalue()


def main() -> None:
    """Write the archive."""
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else OUTPUT
    content = build()
    output.write_bytes(content)
    print(f"{output}: {len(content):,} bytes")


if __name__ == "__main__":
    main()
