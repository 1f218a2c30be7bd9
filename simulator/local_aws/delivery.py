"""The delivery of datapoints to CloudWatch's metric store: normally at once, during a fault late or never."""

from __future__ import annotations

import heapq
from datetime import datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

from simulator.aws.metrics import MetricStore, metric_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulator.local_aws.faults import Faults

_MINUTE = timedelta(minutes=1)


class DeliveredMetrics(MetricStore):
    """A metric store whose datapoints may be lost or late."""

    def __init__(self, delay_seconds: int, faults: Faults) -> None:
        """Start without datapoints. `delay_seconds` is the normal delay."""
        super().__init__(delay_seconds)
        self._faults = faults
        self._on_the_way: list[tuple[datetime, int, tuple[Any, ...], dict[str, Any]]] = []
        self._order = count()

    def put(
        self,
        namespace: str,
        metric_name: str,
        dimensions: Mapping[str, str],
        timestamp: datetime,
        **statistics: Any,  # noqa: ANN401 - those of MetricStore.put
    ) -> None:
        """Send a statistic set, which may be delivered later."""
        if not self._faults:
            super().put(namespace, metric_name, dimensions, timestamp, **statistics)
            return
        key = metric_key(namespace, metric_name, dimensions)
        if self._faults.loses(key, timestamp):
            return
        late, datapoint = self._faults.lateness(key, timestamp), (namespace, metric_name, dimensions, timestamp)
        if late:
            visible = timestamp.replace(second=0, microsecond=0) + _MINUTE + timedelta(seconds=self.delay_seconds)
            heapq.heappush(self._on_the_way, (visible + late, next(self._order), datapoint, statistics))
        else:
            super().put(*datapoint, **statistics)

    def deliver(self, now: datetime) -> None:
        """Deliver the datapoints that are due."""
        while self._on_the_way and self._on_the_way[0][0] <= now:
            _, _, datapoint, statistics = heapq.heappop(self._on_the_way)
            super().put(*datapoint, **statistics)
