"""Builds package.zip from the package beside this file, the same bytes on every machine.

The output of compressors differs between versions, so requirements-test.txt pins this one: libdeflate, whose output
depends only on its input. Names are sorted; times and modes are fixed. So the archive can be committed, and every plan
on every system sees the same hash.

Usage: python lambda/build.py [OUTPUT]
"""

from __future__ import annotations

import struct
import sys
import zlib
from pathlib import Path

from deflate import deflate_compress

HERE = Path(__file__).resolve().parent
PACKAGE = HERE / "kinesis_autoscaler"
OUTPUT = HERE / "package.zip"

# The fields of a ZIP file, as APPNOTE.TXT of PKWARE names and orders them (4.3.7, 4.3.12, 4.3.16).
_VERSION, _UNIX, _DEFLATED = 20, 3, 8
_MIDNIGHT, _FIRST_OF_JANUARY_1980 = 0, 1 << 5 | 1
_REGULAR_FILE_644 = 0o100644 << 16

_LEVEL = 9  # of 12; the levels above it save one per cent more


def build() -> bytes:
    """The archive's bytes."""
    files, directory = b"", b""
    paths = sorted(PACKAGE.rglob("*.py"))
    for path in paths:
        name, source = path.relative_to(HERE).as_posix().encode(), path.read_bytes()
        packed = pack(source)
        form = (_VERSION, 0, _DEFLATED, _MIDNIGHT, _FIRST_OF_JANUARY_1980)
        entry = struct.pack("<5H3L2H", *form, zlib.crc32(source), len(packed), len(source), len(name), 0)
        made_by = struct.pack("<H", _UNIX << 8 | _VERSION)
        where = struct.pack("<3H2L", 0, 0, 0, _REGULAR_FILE_644, len(files))
        directory += b"PK\1\2" + made_by + entry + where + name
        files += b"PK\3\4" + entry + name + packed
    return (
        files
        + directory
        + b"PK\5\6"
        + struct.pack("<4H2LH", 0, 0, len(paths), len(paths), len(directory), len(files), 0)
    )


def pack(source: bytes) -> bytes:
    """A raw deflate stream."""
    return bytes(deflate_compress(source, _LEVEL))


def main() -> None:
    """Write the archive."""
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else OUTPUT
    content = build()
    output.write_bytes(content)
    print(f"{output}: {len(content):,} bytes")


if __name__ == "__main__":
    main()
