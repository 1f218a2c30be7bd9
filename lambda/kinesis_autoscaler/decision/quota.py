"""Kinesis' quota of UpdateShardCount calls: the remaining calls, the reserved calls, and the meaning of a refusal."""

from __future__ import annotations

from datetime import datetime, timedelta

from ..model import QUOTA_WINDOW, Decision, Reason
from .case import Case

UNEXPLAINED = timedelta(minutes=15)
"""How long a refusal stands that our own count of calls does not explain. A retry is harmless: a refused call changes
nothing."""

PRICE = 1.0
"""What a call must save while enough calls are left, in hours of the whole stream."""

PLENTY = 7
"""With fewer calls left than this, each missing call multiplies the price by DEARER."""

DEARER = 1.6


def price_of_a_call(case: Case) -> float:
    """What a scale-down must save, in shard-hours. The fewer of the day's calls are left, the more."""
    missing = max(0, PLENTY - case.calls_left)
    return PRICE * case.situation.stream.open_shard_count * DEARER**missing


def exhausted(case: Case) -> Decision | None:
    """No call is left, by our count or by Kinesis' last answer."""
    calls_per_day = case.situation.settings.update_calls_per_day
    if case.calls_left == 0:
        until = call_frees(case, len(case.calls) - calls_per_day + 1)
        return case.skip(
            Reason.QUOTA_EXHAUSTED,
            f"Kinesis allows {calls_per_day} changes of the shard count in 24 hours; "
            f"the next is possible at {until:%Y-%m-%d %H:%M} UTC.",
            retry_at=until,
        )
    refused_until = _refused_until(case)
    if refused_until is None or refused_until <= case.situation.now:
        return None
    return case.skip(
        Reason.QUOTA_EXHAUSTED,
        f"Kinesis refused the last change, although only {len(case.calls)} of {calls_per_day} calls in 24 hours are on "
        f"record; the next attempt is at {refused_until:%H:%M} UTC.",
        retry_at=refused_until,
    )


def reserved(case: Case) -> Decision | None:
    """The remaining calls are reserved for scale-up."""
    settings = case.situation.settings
    kept = settings.calls_reserved_for_scale_up
    if case.calls_left > kept:
        return None
    return case.skip(
        Reason.QUOTA_RESERVED,
        f"{case.calls_left} of the {settings.update_calls_per_day} calls in 24 hours are left, "
        f"and {kept} are reserved for scale-up.",
        retry_at=call_frees(case, kept - case.calls_left + 1),
    )


def call_frees(case: Case, number: int) -> datetime:
    """When the `number`-th oldest call leaves the window."""
    calls = case.calls
    return calls[min(number, len(calls)) - 1] + QUOTA_WINDOW if calls else case.situation.now + UNEXPLAINED


def _refused_until(case: Case) -> datetime | None:
    """Until when Kinesis' last refusal stands. A later accepted call ends it."""
    intents = case.situation.history.intents
    latest = next((r for r in reversed(intents) if r.calls_used or r.reason is Reason.QUOTA_EXHAUSTED), None)
    return latest.started_at + UNEXPLAINED if latest and latest.reason is Reason.QUOTA_EXHAUSTED else None
