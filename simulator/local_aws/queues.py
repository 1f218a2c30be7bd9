"""SQS: the only metric of queues that alarms use."""

from __future__ import annotations

from moto.sqs.models import sqs_backends

from simulator.aws.clock import VirtualClock
from simulator.aws.metrics import MetricStore


class Queues:
    """Reports the number of waiting messages in each queue."""

    def __init__(self, clock: VirtualClock, store: MetricStore, account_id: str, region: str) -> None:
        """Report the queues of one account and region."""
        self._clock = clock
        self._store = store
        self._account_id = account_id
        self._region = region

    def report(self) -> None:
        """Report this minute's datapoints, as SQS does for queues in use."""
        for queue in sqs_backends[self._account_id][self._region].queues.values():
            waiting = float(queue.approximate_number_of_messages)
            self._store.put(
                "AWS/SQS",
                "ApproximateNumberOfMessagesVisible",
                {"QueueName": queue.name},
                self._clock.now(),
                sum=waiting,
            )
