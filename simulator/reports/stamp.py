"""A digest of a committed picture's data, stored in the picture, so that a test can detect a stale picture."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from PIL import Image

_KEY = "Drawn from"


def stamp(picture: Path, data: Any) -> dict[str, str]:  # noqa: ANN401 - any JSON value
    """Return the metadata for matplotlib to save with a picture of this data; nothing for formats other than PNG."""
    return {_KEY: digest(data)} if picture.suffix == ".png" else {}


def drawn_from(picture: Path) -> str | None:
    """Return the digest in a PNG."""
    with Image.open(picture) as image:
        found: str | None = image.info.get(_KEY)
        return found


def digest(data: Any) -> str:  # noqa: ANN401 - any JSON value
    """Return the digest of the data."""
    return hashlib.sha256(json.dumps(data, sort_keys=True, default=str).encode()).hexdigest()[:16]
