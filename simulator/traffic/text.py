"""The text of a file in any encoding. Refuses files that cannot be a trace."""

from __future__ import annotations

import stat
from pathlib import Path

from simulator.traffic.model import TraceError

MOST_BYTES = 64 * 1024**2
_BYTE_ORDER_MARKS = (  # UTF-32's starts with UTF-16's
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_PACKED = (
    (b"PK\x03\x04", "a workbook or a zip archive", "save the sheet as CSV, or unpack it"),
    (b"\x1f\x8b", "packed with gzip", "unpack it with gunzip"),
    (b"BZh", "packed with bzip2", "unpack it"),
    (b"PAR1", "a Parquet file", "write it as CSV"),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook", "save the sheet as CSV"),
)
_SAMPLE = 4096
_TEXT_CONTROLS = {"\t", "\n", "\r", "\f", "\v", "\x1a"}


def read_text(path: Path) -> str:
    """Return a file's text: UTF-8, UTF-16, UTF-32 or Latin-1.

    Raises:
        TraceError: there is no such file, it cannot be read, it is too large, or it is not text.

    """
    content = _content(path)
    for mark, what, remedy in _PACKED:
        if content.startswith(mark):
            raise TraceError(f"{path} is {what}: {remedy}")
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS if content.startswith(mark)), _guess(content))
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding != "utf-8":
            raise TraceError(f"{path} is not a text file: byte {error.start:,} is not {encoding.upper()}") from None
        text = content.decode("latin-1")
    controls = next((char for char in text if char < " " and char not in _TEXT_CONTROLS), None)
    if controls is not None:
        raise TraceError(
            f"{path} is not a text file: it has the control character {controls!r}; write it as CSV or JSON"
        )
    return text.removesuffix("\x1a")


def _content(path: Path) -> bytes:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            what = "a folder" if stat.S_ISDIR(status.st_mode) else "no regular file"
            raise TraceError(f"{path} cannot be read: it is {what}; name a CSV or JSON file")
        if status.st_size > MOST_BYTES:
            raise TraceError(
                f"{path} is {status.st_size / 1024**2:,.0f} MiB and {MOST_BYTES // 1024**2} MiB can be read: "
                "export fewer days, or a value a minute"
            )
        return path.read_bytes()
    except OSError as error:
        raise TraceError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:  # a null byte in the name
        raise TraceError(f"{str(path)!r} cannot be read: {error}") from None


def _guess(content: bytes) -> str:
    """Guess the encoding. UTF-16 without a mark has a null in every other byte if it is mostly ASCII."""
    sample = content[:_SAMPLE]
    even, odd = sample[::2], sample[1::2]
    if odd and odd.count(0) > len(odd) // 2 and even.count(0) == 0:
        return "utf-16-le"
    if even and even.count(0) > len(even) // 2 and odd.count(0) == 0:
        return "utf-16-be"
    return "utf-8"
