"""The entry point: the handler that Lambda calls, and its answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Protocol

from .alarm import NotOurAlarmError
from .alarms import Alarms
from .audit import AuditTable
from .change import Executor
from .clients import BOUNDED, client, is_permanent
from .consumers import Consumers
from .events import AlarmEvent, MalformedEventError, ScaleRequest
from .metrics import Metrics
from .model import Record
from .observation import Observer
from .reconciliation import Reconciler
from .reporting import Reporter, logger
from .resharding import SplitShard, UpdateShardCount
from .scaling import Scaler
from .settings import Environment
from .streams import Streams


class LambdaContext(Protocol):
    """The part of Lambda's context object that this function uses."""

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda stops this invocation."""


def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Handle one invocation.

    Args:
        event: An SNS event with CloudWatch alarm messages, `{"action": "reconcile"}`, or
            `{"action": "scale", "stream_name": …, "shard_count": …, "reason": …}`.
        context: Lambda's context.

    Returns:
        The decision, for synchronous callers.

    Raises:
        MalformedEventError: The event has none of these forms. The message says what is wrong.
        Exception: An error that a retry can fix. Lambda retries twice, then sends the event to the dead-letter queue.
    """
    try:
        return _handle(event, context)
    except Exception:
        _forget_clients()
        raise


def _handle(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    function = _function()
    fields = event if isinstance(event, Mapping) else {}
    records, action = fields.get("Records"), fields.get("action")
    if isinstance(records, list):
        return function.on_sns(records, context)
    if action == "reconcile":
        return function.on_reconcile(context)
    if action == "scale":
        return function.on_scale(event, context)
    raise MalformedEventError(
        f'The event has "action": {action!r}; this function accepts SNS events and the actions "reconcile" and "scale".'
    )


class Function:
    """The parts of the function, wired together once per execution environment."""

    def __init__(self, environment: Environment) -> None:
        """Create and connect the parts."""
        cloudwatch, kinesis = client("cloudwatch"), client("kinesis")
        sns = client("sns") if environment.notification_topic_arn else None
        self._environment = environment
        self._reporter = Reporter(environment, sns)
        alarms = Alarms(cloudwatch, prefix=environment.alarm_name_prefix, topic_arn=environment.topic_arn)
        streams = Streams(kinesis, bounded=client("kinesis", BOUNDED))
        metrics = Metrics(cloudwatch)
        consumers = Consumers(client("lambda"))
        observer = Observer(alarms=alarms, streams=streams, metrics=metrics)
        audit = AuditTable(
            client("dynamodb"),
            table_name=environment.audit_table_name,
            retention_days=environment.audit_retention_days,
        )
        parts: dict[str, Any] = {
            "alarms": alarms,
            "streams": streams,
            "audit": audit,
            "reporter": self._reporter,
            "observer": observer,
            "clock": _now,
        }
        executor = Executor(
            **parts,
            consumers=consumers,
            way=UpdateShardCount(streams),
            splits=SplitShard(streams),
            dry_run=environment.dry_run,
        )
        self._scaler = Scaler(**parts, executor=executor, dry_run=environment.dry_run)
        self._reconciler = Reconciler(
            **parts, metrics=metrics, consumers=consumers, executor=executor, scaler=self._scaler
        )

    def on_sns(self, records: list[Mapping[str, Any]], context: LambdaContext) -> dict[str, Any]:
        """Handle every record. A failed record does not stop the others, and its error is not lost.

        A record that no retry can fix is refused, logged and counted. If a retry can fix it, the event fails at the
        end; the retry then finds the records of the others.
        """
        decided: list[dict[str, Any]] = []
        retry: Exception | None = None
        for entry in records:
            sns = _sns(entry)
            try:
                event = AlarmEvent.parse(sns, topic_arn=self._environment.topic_arn)
                if event.state != "ALARM":
                    self._reporter.refused(f"{event.alarm_name} is {event.state}, which requires no action.")
                    continue
                if record := self._scaler.on_alarm(event, context.aws_request_id):
                    decided.append(_summary(record))
            except (MalformedEventError, NotOurAlarmError) as refusal:
                self._reporter.refused(str(refusal), sns_message=str(sns.get("Message"))[:2000])
            except Exception as error:  # noqa: BLE001 - the other records must be handled; it is raised below
                logger.exception("A record failed.", extra={"sns_message": str(sns.get("Message"))[:2000]})
                self._reporter.emit({"Failures": 1})
                if not is_permanent(error):
                    retry = error
        if retry is not None:
            raise retry
        return {"decisions": decided}

    def on_reconcile(self, context: LambdaContext) -> dict[str, Any]:
        """Reconcile every stream."""
        summary = self._reconciler.run(
            context.aws_request_id, lambda: timedelta(milliseconds=context.get_remaining_time_in_millis())
        )
        logger.info("Reconciled.", extra=asdict(summary))
        if summary.failures:
            _forget_clients()
        return asdict(summary)

    def on_scale(self, event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
        """Scale a stream as a person or a schedule requests."""
        return _summary(self._scaler.on_request(ScaleRequest.parse(event), context.aws_request_id))


@lru_cache(maxsize=1)
def _function() -> Function:
    return Function(Environment.read())


def _now() -> datetime:
    return datetime.now(UTC)


def _forget_clients() -> None:
    """Let the next invocation create new clients.

    botocore's retry quota lasts as long as a client. After many refused calls, an execution environment would
    continue with little of it left.
    """
    _function.cache_clear()
    client.cache_clear()


def _sns(entry: Any) -> Mapping[str, Any]:  # noqa: ANN401 - whatever the function is invoked with
    """The `Sns` part of a record, empty where there is none."""
    sns = entry.get("Sns") if isinstance(entry, Mapping) else None
    return sns if isinstance(sns, Mapping) else {}


def _summary(record: Record | None) -> dict[str, Any]:
    names = ("stream_name", "event_time", "status", "reason", "message", "from_shard_count", "to_shard_count")
    return {name: getattr(record, name) for name in names}
