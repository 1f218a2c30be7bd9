"""What operators see: one structured log line per decision, CloudWatch metrics, and notifications."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote

from botocore.exceptions import BotoCoreError, ClientError

from .model import Action, Plan, Reason, Record, Status
from .settings import Environment

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

NAMESPACE = "KinesisAutoscaler"

NEEDS_A_PERSON = frozenset(
    {
        Reason.AT_MAXIMUM,
        Reason.CONSUMERS_BEHIND,
        Reason.HOT_SHARD_SUSPECTED,
        Reason.INVALID_SETTINGS,
        Reason.ON_DEMAND_STREAM,
        Reason.ONE_HOT_KEY,
        Reason.QUOTA_EXHAUSTED,
        Reason.STREAM_MISSING,
    }
)
"""Reasons not to scale that last until a person acts; the first of each triggers a notification."""

WORRIES = NEEDS_A_PERSON | {Reason.NO_TELEMETRY, Reason.THROTTLED}
"""Reasons not to scale that are counted as metrics. The others are common; the log and the audit table have them."""

_UNITS = {"ForecastError": "None", "ReshardSeconds": "Seconds"}

logger = logging.getLogger("kinesis_autoscaler")


class Reporter:
    """Reports decisions and their results to operators."""

    def __init__(self, environment: Environment, sns: SNSClient | None) -> None:
        """Publish to the notification topic if the environment names one; `sns` is None otherwise."""
        self._environment = environment
        self._sns = sns

    def report(
        self,
        record: Record,
        *,
        shard_count: int | None = None,
        calls_left: int | None = None,
        accepted_now: bool = False,
        news: bool = False,
    ) -> None:
        """A record was written: log it, count it, and notify people if necessary.

        CloudWatch charges a custom metric for every hour in which it is reported ($0.30 for a whole month). So a
        stream's own metrics are reported only when something was done, and once a day if it needs attention.

        Args:
            record: The record as it is stored.
            shard_count: The stream's shard count, if known.
            calls_left: The remaining UpdateShardCount calls of the day, if known.
            accepted_now: Whether it has just become known that Kinesis accepted the call.
            news: Whether this decision was not reported yet today.
        """
        bad = record.status is Status.FAILED or (record.error is not None and record.status is Status.UPDATING)
        logger.log(logging.ERROR if bad else logging.INFO, record.message, extra=_context(record, calls_left))
        stream = record.stream_name
        self.emit(
            {
                "Failures": 1 if bad else None,
                "ScaleUps": 1 if accepted_now and record.action is Action.SCALE_UP else None,
                "ScaleDowns": 1 if accepted_now and record.action is Action.SCALE_DOWN else None,
            },
            stream=stream,
        )
        of_stream = {"ShardCount": shard_count, "CallsLeftToday": calls_left if accepted_now else None}
        self.emit(of_stream, stream=stream, in_total=False)
        if record.status is Status.SUCCEEDED:
            self.emit({"ReshardSeconds": _duration(record)})
        if record.status is Status.SKIPPED and record.reason in WORRIES:
            self.emit({"Skips": 1}, stream=stream if news else None, reason=record.reason)
        first_of_its_kind = record.reason in NEEDS_A_PERSON and news
        if bad or record.status is Status.SUCCEEDED or (record.status is Status.SKIPPED and first_of_its_kind):
            self._notify(record)

    def refused(self, message: str, **context: object) -> None:
        """Log and count an event that the function must not act on."""
        logger.warning(message, extra=context)
        self.emit({"RefusedEvents": 1})

    def fleet(self, counts: Mapping[str, int]) -> None:
        """Report the total of all streams' shards at every reconcile, for the graph of the cost."""
        self.emit({"Streams": len(counts), "ShardCount": sum(counts.values())})

    def forecast(self, stream: str, plan: Plan, before: Plan | None, came: float | None, *, show: bool) -> None:
        """Log a stream's forecast of the next hour, and the error of the last forecast.

        The log has every forecast. An hourly metric costs $0.30 a month, so a stream's dashboard gets every sixth. The
        error of the forecasts is a metric of all streams together.

        Args:
            stream: The stream's name.
            plan: The new plan.
            before: The last plan.
            came: The highest demand since the last plan, in shards.
            show: Whether to report this forecast as a metric.
        """
        last = None if before is None or came is None else before.expected
        logger.info(
            "Forecast.",
            extra={
                "stream": stream,
                "shard_count": plan.shard_count,
                "expected_shards": plan.expected,
                "days": plan.days,
                "grow_to": max(plan.grow_to, default=0) or None,
                "shrink_to": plan.shrink_to or None,
                "last_expected_shards": last,
                "came_shards": came,
            },
        )
        if last and came:
            self.emit({"ForecastError": abs(last - came) / came})
        if show:
            self.emit({"ExpectedShards": plan.expected}, stream=stream, in_total=False)

    def emit(
        self,
        values: Mapping[str, float | None],
        *,
        stream: str | None = None,
        reason: str | None = None,
        in_total: bool = True,
    ) -> None:
        """Print one line of CloudWatch embedded metric format, by stream and in total.

        The runtime's JSON log format does not change printed lines, so CloudWatch can parse the line.
        """
        metrics = {name: value for name, value in values.items() if value is not None}
        if not metrics:
            return
        labels = {"StreamName": stream, "Reason": reason}
        dimensions = {name: value for name, value in labels.items() if value is not None}
        without_stream = [name for name in dimensions if name != "StreamName"]
        sets = [["FunctionName", *without_stream]] if in_total else []
        if stream is not None:
            sets.append(list(dimensions))
        line = {
            "_aws": {
                "Timestamp": int(time.time() * 1000),
                "CloudWatchMetrics": [
                    {
                        "Namespace": NAMESPACE,
                        "Dimensions": sets,
                        "Metrics": [{"Name": name, "Unit": _UNITS.get(name, "Count")} for name in metrics],
                    }
                ],
            },
            "FunctionName": self._environment.function_name,
            **dimensions,
            **metrics,
        }
        print(json.dumps(line), flush=True)

    def _notify(self, record: Record) -> None:
        topic = self._environment.notification_topic_arn
        if self._sns is None or topic is None:
            return
        outcome = f": {record.action} {record.status}"
        about = f"[{self._environment.alarm_name_prefix}] {record.stream_name}"[: 99 - len(outcome)]
        try:
            self._sns.publish(TopicArn=topic, Subject=about + outcome, Message=self._message(record))
        except (ClientError, BotoCoreError):
            # The scaling and its record are more important than the notification.
            logger.exception("The notification could not be published.", extra=_context(record))

    def _message(self, record: Record) -> str:
        region = self._environment.region
        console = f"https://{region}.{_console_domain(region)}/cloudwatch/home?region={region}"
        lines = [
            record.message,
            "",
            f"Status: {record.status}, reason: {record.reason}",
        ]
        if record.from_shard_count is not None:
            lines.append(f"Shards: {record.from_shard_count} → {record.to_shard_count or record.from_shard_count}")
        if record.demand_shards is not None and record.utilization is not None:
            lines.append(f"Demand: {record.demand_shards:.1f} shards, {record.utilization:.0%} of capacity")
        if record.error:
            lines.append(f"Error: {record.error}")
        if record.alarm_name:
            lines.append(f"Alarm: {console}#alarmsV2:alarm/{quote(record.alarm_name, safe='')}")
        log_group = quote(quote(self._environment.log_group_name, safe=""), safe="").replace("%", "$")
        lines.append(f"Log: {console}#logsV2:log-groups/log-group/{log_group}")
        return "\n".join(lines)


def _context(record: Record, calls_left: int | None = None) -> dict[str, object]:
    """The fields of a log line, for filters and sorting in Logs Insights."""
    return {
        "stream": record.stream_name,
        "action": record.action,
        "trigger": record.trigger,
        "status": record.status,
        "reason": record.reason,
        "from_shard_count": record.from_shard_count,
        "to_shard_count": record.to_shard_count,
        "demand_shards": record.demand_shards,
        "calls_left": calls_left,
        "hot_shard": record.hot_shard,
        "seconds": _duration(record),
        "error": record.error,
        "request_id": record.request_id,
    }


def _duration(record: Record) -> float | None:
    return None if record.finished_at is None else (record.finished_at - record.started_at).total_seconds()


def _console_domain(region: str) -> str:
    for prefix, domain in (("cn-", "console.amazonaws.cn"), ("us-gov-", "console.amazonaws-us-gov.com")):
        if region.startswith(prefix):
            return domain
    return "console.aws.amazon.com"
