"""Formats numbers and times for messages."""

from __future__ import annotations

from datetime import datetime, timedelta


def number(value: float) -> str:
    """A demand in shards."""
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"


def span(duration: timedelta) -> str:
    """A duration in minutes, or in hours if it is a multiple of them."""
    minutes = round(duration / timedelta(minutes=1))
    if minutes >= 120 and minutes % 60 == 0:
        return f"{minutes // 60} hours"
    return "1 minute" if minutes == 1 else f"{minutes} minutes"


def ago(then: datetime, now: datetime) -> str:
    """The time since something happened."""
    return f"{span(now - then)} ago"
