"""Numbers and times as people read them."""

from __future__ import annotations

from datetime import datetime, timedelta


def number(value: float) -> str:
    """A demand in shards."""
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"


def span(duration: timedelta) -> str:
    """A length of time in minutes, or in hours where it is a few full ones."""
    minutes = round(duration / timedelta(minutes=1))
    if minutes >= 120 and minutes % 60 == 0:
        return f"{minutes // 60} hours"
    return "1 minute" if minutes == 1 else f"{minutes} minutes"


def ago(then: datetime, now: datetime) -> str:
    """How long ago something was."""
    return f"{span(now - then)} ago"
