"""Steps: Terraform applies, the stream scales up and down by its alarms, and plans are empty."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from acceptance import diagnosis, probe
from acceptance.errors import StepFailedError, TimedOutError
from acceptance.load import IDLE, SURGE, under
from acceptance.measurements import Measurements
from acceptance.root import SCALE_UP_MINUTES, SCALE_UP_THRESHOLD
from acceptance.stack import DOWN, UP, Record, Stack
from acceptance.waiting import in_minutes
from acceptance.walk import Walk
from tools.load import Load

_MINUTE = timedelta(minutes=1)
RESHARD_WITHIN = 20 * _MINUTE
"""Kinesis documents "a few minutes" for a change of the shard count."""
IN_STEP_WITHIN = 3 * _MINUTE
"""The alarms are rewritten right after the call. Later than this, DescribeAlarms lags, or a reconcile did it."""
RECORDED_WITHIN = 5 * _MINUTE
"""A record is completed by the reconcile after the reshard, which runs once a minute here."""
_PLAN_WITHIN, _PLAN_EVERY = 3 * _MINUTE, timedelta(seconds=20)
_SHARD_RECORDS_A_MINUTE = 60_000


def apply(walk: Walk) -> str:
    """Terraform creates everything, and Lambda is ready."""
    walk.terraform.init()
    outcome = walk.apply()
    walk.know_stack()
    walk.waiting.until("Lambda to have the function ready", walk.stack.is_settled, 3 * _MINUTE)
    walk.waiting.beside(probe.watch_delay(walk.stack, walk.waiting, walk.measurements))
    if walk.measures:
        walk.probe = probe.Probe(walk.stack, walk.waiting, walk.measurements)
        walk.waiting.beside(walk.probe.steps())
    return f"{len(outcome.touched)} resources were made."


def answers(walk: Walk) -> str:
    """The function can be invoked, and finds its stream, so IAM's permissions are in effect."""
    errors: list[str] = []

    def reconciled() -> bool:
        answer = walk.stack.invoke({"action": "reconcile"})
        said = (
            answer.error
            or f"it reconciles {answer.payload.get('streams')} streams, {answer.payload.get('failures')} fail"
        )
        errors.append(said)
        return answer.error is None and answer.payload["streams"] == 1 and answer.payload["failures"] == 0

    try:
        walk.waiting.until("the function to reconcile one stream", reconciled, 3 * _MINUTE, every=timedelta(seconds=15))
    except TimedOutError as late:
        raise StepFailedError(diagnosis.why_it_does_not_answer(walk.stack, errors[-1])) from late
    return "It has reconciled the stream."


def settle(walk: Walk) -> int:
    """Wait until no change is in progress. Return the open shards."""
    stack = walk.stack

    def at_rest() -> int | None:
        return None if stack.open_records() else stack.active_with()

    return walk.waiting.until("what is under way to end", at_rest, RESHARD_WITHIN)


def plan_is_empty(after: str) -> Callable[[Walk], str]:
    """Return a step: after an event, a plan is empty. AWS may need some time until it shows all changes."""

    def step(walk: Walk) -> str:
        require_empty_plan(walk, after)
        return "No changes."

    return step


def require_empty_plan(walk: Walk, after: str) -> None:
    """Plan, and repeat for a while if there are changes. In the middle of a reshard there would be."""
    settle(walk)
    found: list[str] = []

    def is_empty() -> bool:
        outcome = walk.terraform.plan()
        found.append(str(outcome))
        return not outcome.touched

    try:
        walk.waiting.until("a plan without changes", is_empty, _PLAN_WITHIN, every=_PLAN_EVERY)
    except TimedOutError as late:
        raise StepFailedError(f"After {after} a plan finds changes: {found[-1]}.") from late


def scale_up(walk: Walk) -> str:
    """Traffic fires the alarm, the alarm invokes the function, and the function doubles the stream."""
    since = walk.waiting.now()
    record = _scaled_under(walk, SURGE, UP)
    said = finished(walk, record)
    walk.scaled_up = walk.stack.find(record["event_time"])
    _measure_the_way(walk, since, record)
    return said


def scale_down(walk: Walk) -> str:
    """After the traffic the other alarm fires, and the stream shrinks."""
    return finished(walk, _scaled_under(walk, IDLE, DOWN))


def _scaled_under(walk: Walk, load: Load, direction: str) -> Record:
    """Return the record of a scaling by an alarm, under a load. The loader stops when there is a record."""
    stack, waiting = walk.stack, walk.waiting
    since, within = waiting.now(), timedelta(minutes=load.minutes)
    fired_at: datetime | None = None
    found: list[Record] = []

    def reached() -> bool:
        nonlocal fired_at
        alarm = stack.alarms().get(direction)
        if fired_at is None and alarm and alarm["StateValue"] == "ALARM":
            fired_at = alarm.get("StateTransitionedTimestamp") or alarm["StateUpdatedTimestamp"]
        found[:] = [
            record
            for record in stack.records()
            if (record["action"], record["trigger"]) == (direction, "alarm")
            and record["status"] != "SKIPPED"
            and datetime.fromisoformat(record["started_at"]) >= since - _MINUTE
        ]
        return bool(found)

    with waiting.waiting_for(f"the {direction} alarm to fire and the function to scale", within):
        under(load, stack.stream_name, walk.account.client("kinesis"), waiting, reached)
    if not found:
        raise StepFailedError(diagnosis.why_no_record(stack, direction, fired_at, since, waiting.now()))
    return found[-1]


def finished(walk: Walk, record: Record) -> str:
    """Wait for the end of a scaling: the stream and both alarms have the new count, and the record is complete."""
    stack, waiting, target = walk.stack, walk.waiting, int(record.get("to_shard_count", 0))
    _require_no_failure(record)
    try:
        waiting.until(f"Kinesis to reach {target} shards", lambda: stack.active_with() == target, RESHARD_WITHIN)
    except TimedOutError as late:
        summary = stack.stream()
        raise StepFailedError(
            f"{late} The stream is {summary['StreamStatus']} with {summary['OpenShardCount']} open shards. "
            f"{_as_recorded(stack, record)}"
        ) from late
    reached_at = waiting.now()
    require_alarms_in_step(walk, target, record)

    def done() -> Record | None:
        now = stack.find(record["event_time"])
        return now if now and now["status"] not in ("PENDING", "UPDATING") else None

    try:
        end = waiting.until("the record to be finished by a reconcile", done, RECORDED_WITHIN)
    except TimedOutError as late:
        raise StepFailedError(f"{late} {_as_recorded(stack, record)}") from late
    _require_no_failure(end)
    began = datetime.fromisoformat(record["started_at"])
    walk.ways.append((began, reached_at))
    return f"{end['message']} Both alarms compute with {target}; it took {in_minutes(reached_at - began)}."


def require_alarms_in_step(walk: Walk, target: int, record: Record | None = None) -> None:
    """Wait until both alarms contain the number of open shards."""
    stack = walk.stack

    def in_step() -> bool:
        counts = stack.counts_in_alarms()
        return len(counts) == len(stack.alarm_names) and set(counts.values()) == {target}

    try:
        walk.waiting.until(f"both alarms to compute with {target}", in_step, IN_STEP_WITHIN)
    except TimedOutError as late:
        behind = [f"{name} with {count}" for name, count in stack.counts_in_alarms().items() if count != target]
        now = stack.find(record["event_time"]) if record else None
        error = f" Its record says: {now['error']}" if now and now.get("error") else ""
        raise StepFailedError(
            f"The stream has {target} open shards, but {in_minutes(IN_STEP_WITHIN)} later its alarms have not been "
            f"rewritten (PutMetricAlarm): {', '.join(behind) or 'one is missing'}.{error}"
        ) from late


def _require_no_failure(record: Record) -> None:
    if record["status"] == "FAILED":
        raise StepFailedError(f"The scaling failed: {diagnosis.why_it_failed(record)}")


def _as_recorded(stack: Stack, record: Record) -> str:
    now = stack.find(record["event_time"]) or record
    return f"Its record is {now['status']}: {diagnosis.why_it_failed(now)}"


def _measure_the_way(walk: Walk, since: datetime, record: Record) -> None:
    """Measure the parts of the time from the breach to the new shards."""
    now, taken = walk.waiting.now(), walk.measurements
    fired_at = datetime.fromisoformat(record["event_time"].partition("#")[0])
    looked_at = datetime.fromisoformat(record["started_at"])
    _measure_breach(walk, since, fired_at, taken)
    taken.take_seconds("alarm_to_function_seconds", [(looked_at - fired_at).total_seconds()], now)
    taken.take_seconds("function_to_shards_seconds", [(walk.ways[-1][1] - looked_at).total_seconds()], now)


def _measure_breach(walk: Walk, since: datetime, fired_at: datetime, taken: Measurements) -> None:
    by_minute = walk.stack.minutes(walk.stack.stream_name, "IncomingRecords", since - _MINUTE, fired_at)
    enough = SCALE_UP_THRESHOLD * _SHARD_RECORDS_A_MINUTE
    breaching = sorted(minute for minute, records in by_minute.items() if records >= enough)
    if len(breaching) < SCALE_UP_MINUTES:
        taken.leave("breach_to_alarm_seconds", "CloudWatch does not show the breaching minutes before the alarm")
        return
    taken.take_seconds(
        "breach_to_alarm_seconds",
        [(fired_at - breaching[SCALE_UP_MINUTES - 1] - _MINUTE).total_seconds()],
        walk.waiting.now(),
    )


def tag_change(walk: Walk) -> str:
    """A tag of the stream changes in one apply, which changes only the stream."""
    settle(walk)
    outcome = walk.apply(note="changed")
    if outcome.touched != {"aws_kinesis_stream.this": "update"}:
        raise StepFailedError(f"A tag of the stream was changed, and the apply changed {outcome}.")
    require_empty_plan(walk, "that apply")
    return "One apply changed the stream and nothing else; the plan after it is empty."
