"""The figures of a fleet, as rows of a table and as sentences."""

from __future__ import annotations

from simulator.fleets.invocations import Invocations
from simulator.fleets.measurements import Drain, Sweep


def rows(drained: Drain, swept: Sweep) -> list[tuple[str, str, str, str]]:
    """The measured times, the minimum that the quotas allow, and their ratios."""
    alarms = f"{drained.streams:,} alarms in the same minute"
    return [
        (label, f"{seconds:,.0f} s", f"{least:,.0f} s", f"{seconds / least:.2f}")
        for label, seconds, least in (
            (f"{alarms}: until Kinesis has accepted the last change", drained.accepted, drained.least_accepted),
            (f"{alarms}: until the last alarm is rewritten and armed", drained.rewritten, drained.least_rewritten),
            (f"one reconcile of {swept.streams:,} streams", swept.seconds, swept.least),
            (f"the first reconcile of {swept.streams:,} streams, with all hourly checks", swept.first, swept.least),
        )
    ]


def in_words(drained: Drain, swept: Sweep) -> str:
    """The numbers of calls and invocations, and whether anything was lost."""
    ran, runs = drained.invocations, "run" if swept.runs == 1 else "runs"
    return (
        f"The {drained.streams:,} alarms caused {ran.started:,} invocations with {drained.calls:,} API calls and "
        f"another {drained.throttled:,} throttled calls. At most {ran.most_at_once:,} invocations were concurrent, "
        f"{ran.retries:,} were retries, and {ran.timeouts:,} timed out{_errors(ran)}. Lost or wrong at the end: "
        f"{len(drained.problems):,}. Events in the dead-letter queue: {len(ran.dead_letters):,}. The reconcile of "
        f"{swept.streams:,} streams took {swept.runs:,} {runs} with {swept.throttled:,} throttled calls, and repaired "
        f"the alarms of {swept.resharded:,} streams that were resharded by hand. Still wrong: {len(swept.problems):,}."
    )


def _errors(ran: Invocations) -> str:
    """The errors that ended invocations, with their numbers."""
    return "".join(f", {number:,} ended by {error}" for error, number in sorted(ran.errors.items()))
