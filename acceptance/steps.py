"""The steps of a run, in order."""

from __future__ import annotations

from datetime import timedelta

from acceptance import healing, leftovers, probe, scaling, trust
from acceptance.errors import TimedOutError
from acceptance.walk import Step, Walk

_MEASURED_WITHIN = timedelta(minutes=60)
"""The probe makes ten consecutive changes of a shard count. Some are complete before the wait for it begins."""


def measure(walk: Walk) -> str:
    """Measure what AWS does not document. Measurements that fail are reported, and do not fail the step."""
    assert walk.probe is not None, "it began with the first step"
    beside, stack, waiting, taken = walk.probe, walk.stack, walk.waiting, walk.measurements
    probe.facts(stack, waiting, taken)
    scaling.settle(walk)
    probe.alarm_lag(stack, waiting, taken)
    try:
        waiting.until("the day's calls to be spent on the probe stream", lambda: beside.is_done, _MEASURED_WITHIN)
    except TimedOutError as late:
        taken.leave("refusal_daily", str(late))
    probe.silence(stack, beside, waiting, taken)
    scaling.settle(walk)
    return f"{len(taken.taken)} values were measured, {len(taken.failed)} could not be."


# Splits beyond the daily quota and of hot shards have inputs in modules/stream. Steps for them would come before
# "measure", with those inputs in acceptance/root.py.
WALK = (
    Step("apply", "Terraform applies the autoscaler and two streams", scaling.apply),
    Step("plan-after-apply", "The plan is empty", scaling.plan_is_empty("the apply")),
    Step("answers", "The function answers and finds its stream", scaling.answers),
    Step("scale-up", "Traffic scales the stream up, and both alarms with it", scaling.scale_up),
    Step("plan-after-scale-up", "The plan is empty after a scaling", scaling.plan_is_empty("the scale-up")),
    Step("tag-change", "A tag of the stream changes in one apply", scaling.tag_change),
    Step("scale-down", "An idle stream is scaled down", scaling.scale_down),
    Step("duplicate", "A repeated notification does nothing", trust.duplicate),
    Step("forged", "A forged message does nothing", trust.forged),
    Step("request", "A person's request scales the stream", healing.request),
    Step("dry-run", "A dry run changes nothing", trust.dry_run),
    Step("crash", "Reconcile recovers from a crash in the middle", healing.crash),
    Step("plan-at-the-end", "The plan is still empty", scaling.plan_is_empty("all steps")),
)
MEASURE = Step("measure", "What AWS does not document is measured", measure)
DESTROY = Step("destroy", "Destroy leaves nothing", leftovers.destroy)


def steps(*, measures: bool) -> tuple[Step, ...]:
    """The steps before the destroy."""
    return (*WALK, MEASURE) if measures else WALK
