"""The figures of a fleet, as rows and in words."""

from __future__ import annotations

from simulator.fleets.invocations import Invocations
from simulator.fleets.measurements import Drain, Sweep


def rows(drained: Drain, swept: Sweep) -> list[tuple[str, str, str, str]]:
    """What took how long, against the least that the quotas allow."""
    alarms = f"{drained.streams:,} alarms in the same minute"
    return [
        (label, f"{seconds:,.0f} s", f"{least:,.0f} s", f"{seconds / least:.2f}")
        for label, seconds, least in (
            (f"{alarms}: until Kinesis has accepted the last change", drained.accepted, drained.least_accepted),
            (f"{alarms}: until the last alarm is rewritten and armed", drained.rewritten, drained.least_rewritten),
            (f"one reconcile of {swept.streams:,} streams", swept.seconds, swept.least),
            (f"the first reconcile of {swept.streams:,} streams, with all hourly looks", swept.first, swept.least),
        )
    ]


def in_words(drained: Drain, swept: Sweep) -> str:
    """What it took besides time, and whether anything was lost."""
    ran, runs = drained.invocations, "run" if swept.runs == 1 else "runs"
    return (
        f"The alarms took {drained.calls:,} API calls, besides {drained.throttled:,} that were throttled, in "
        f"{ran.started:,} invocations: {ran.most_at_once:,} at once, {ran.retries:,} of them retries, "
        f"{ran.timeouts:,} out of time{_errors(ran)}. "
        f"Lost or wrong in the end: {len(drained.problems):,}; events in the dead-letter queue: "
        f"{len(ran.dead_letters):,}. The reconcile took {swept.runs:,} {runs} with {swept.throttled:,} calls "
        f"throttled, and repaired the alarms of {swept.resharded:,} streams resharded by hand; left wrong: "
        f"{len(swept.problems):,}."
    )


def _errors(ran: Invocations) -> str:
    """What the failed invocations died of."""
    return "".join(f", {number:,} ended by {error}" for error, number in sorted(ran.errors.items()))
