"""What a committed picture was drawn from, kept in the picture, so that a test finds out that it is stale."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

_KEY = "Drawn from"


def stamp(picture: Path, data: Any) -> None:  # noqa: ANN401 - whatever JSON can say
    """Keep a digest of this data in a PNG; other formats are left as they are."""
    if picture.suffix != ".png":
        return
    with Image.open(picture) as image:
        image.load()
        notes = PngInfo()
        notes.add_text(_KEY, digest(data))
        image.save(picture, pnginfo=notes, dpi=image.info.get("dpi"))


def drawn_from(picture: Path) -> str | None:
    """The digest in a PNG."""
    with Image.open(picture) as image:
        found: str | None = image.info.get(_KEY)
        return found


def digest(data: Any) -> str:  # noqa: ANN401 - whatever JSON can say
    """The same for the same data."""
    return hashlib.sha256(json.dumps(data, sort_keys=True, default=str).encode()).hexdigest()[:16]
