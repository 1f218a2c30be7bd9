"""An autoscaler whose streams are in kinesis-local; alarms, table, topic and function are in the local AWS.

The minutes of alarms and metrics are virtual. kinesis-local runs in real time: a reshard continues, however many
minutes `run` simulates, until `settle` has waited for its end.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Self
from unittest.mock import patch

from botocore import session

from simulator.aws.kinesis import StreamModel
from simulator.deployment import deploy
from simulator.local_aws import LocalAWS, Transport
from simulator.local_aws import _client as boto3_client
from simulator.local_aws.function import ApiCall
from simulator.traffic import Traffic
from tests.world import World, _one_loader

_WAITS = [0.02, 0.04, 0.08, 0.16, 0.32, *[0.5] * 120]
"""Seconds between looks at a stream. Most changes take milliseconds, the others seconds, and each look takes time."""
_ROOM = 20
"""More shards than any traffic needs here."""


class AWSWithKinesisLocal(LocalAWS):
    """A local AWS, and kinesis-local in place of its Kinesis; clients find both by their environment."""

    def __init__(self, kinesis_url: str) -> None:
        now = datetime.now(UTC).replace(second=0, microsecond=0)
        super().__init__(Transport.HTTP, start=now)  # the real present, because kinesis-local dates streams
        self._kinesis_url = kinesis_url

    def __enter__(self) -> Self:
        super().__enter__()
        self.environment |= {"AWS_ENDPOINT_URL_KINESIS": self._kinesis_url}
        self.streams: Any = Streams(self)
        return self

    def client(self, service: str) -> Any:
        if service == "kinesis":
            return boto3_client(service, self.region, self._kinesis_url)
        return super().client(service)


class Streams:
    """The streams of kinesis-local, with the interface of a local AWS's own."""

    def __init__(self, aws: AWSWithKinesisLocal) -> None:
        self._aws = aws

    def model(self, name: str) -> Stream:
        return Stream(name, self._aws.client("kinesis"))

    def offer(self, minute: datetime, traffic: Mapping[str, Traffic]) -> dict[str, Any]:
        """Report a minute of traffic to CloudWatch, which kinesis-local does not do. All of it counts as accepted."""
        return {
            name: StreamModel(name, _ROOM, store=self._aws.store, created_at=minute).offer(
                minute, load.bytes, load.records
            )
            for name, load in traffic.items()
        }


class Stream:
    """A stream of kinesis-local, always in its present state."""

    def __init__(self, name: str, kinesis: Any) -> None:
        self.name = name
        self._kinesis = kinesis

    def describe(self, _: datetime | None = None) -> dict[str, Any]:
        answer: dict[str, Any] = self._kinesis.describe_stream_summary(StreamName=self.name)
        return answer

    def shard_count(self, _: datetime | None = None) -> int:
        return int(self.describe()["StreamDescriptionSummary"]["OpenShardCount"])

    @property
    def status(self) -> str:
        return str(self.describe()["StreamDescriptionSummary"]["StreamStatus"])

    @property
    def mode(self) -> str:
        return str(self.describe()["StreamDescriptionSummary"]["StreamModeDetails"]["StreamMode"])


class KinesisLocalWorld(World):
    """A world that observes which of the function's calls kinesis-local has accepted or refused.

    Attributes:
        asked: the requests of UpdateShardCount: the shard count at that moment, and the target.

    """

    def __init__(self, aws: AWSWithKinesisLocal) -> None:
        self.asked: list[tuple[int, int]] = []
        self._watching = False
        super().__init__(aws, deploy(aws))

    @property
    def accepted_targets(self) -> list[int]:
        return [reshard.target for reshard in self.reshards]

    def add_stream(self, name: str = "orders", shards: int = 8, demand: float = 4.0, **settings: Any) -> None:
        super().add_stream(name, shards, demand, **settings)
        self.settle(name)

    def settle(self, name: str = "orders") -> None:
        """Wait until a change of the stream is done, in real time."""
        stream = self.aws.streams.model(name)
        for wait in _WAITS:
            if stream.status == "ACTIVE":
                return
            time.sleep(wait)
        raise AssertionError(f"{name} is {stream.status} for a minute")

    def delete(self, name: str = "orders") -> None:
        """Delete a stream and wait until it no longer exists and no longer counts towards the account's limit."""
        kinesis = self.aws.client("kinesis")
        kinesis.delete_stream(StreamName=name)
        for wait in _WAITS:
            if name not in kinesis.list_streams()["StreamNames"]:
                return
            time.sleep(wait)
        raise AssertionError(f"{name} is still there after a minute")

    def delete_all(self) -> None:
        for name in self.aws.client("kinesis").list_streams()["StreamNames"]:
            self.settle(name)
            self.delete(name)

    def _before(self, call: ApiCall) -> None:
        if self._watching:
            return
        with self._unwatched():
            if call.operation == "UpdateShardCount":
                before = self.aws.streams.model(call.parameters["StreamName"]).shard_count()
                self.asked.append((before, call.parameters["TargetShardCount"]))
            super()._before(call)

    def _after(self, call: ApiCall) -> None:
        if self._watching:
            return
        with self._unwatched():
            if call.operation == "UpdateShardCount":
                self.accepted(call.parameters["StreamName"], *self.asked[-1])
            super()._after(call)

    @contextmanager
    def _unwatched(self) -> Iterator[None]:
        """The observer's own calls of AWS are not calls of the function."""
        self._watching = True
        try:
            yield
        finally:
            self._watching = False


@contextmanager
def world_with(kinesis_url: str) -> Iterator[KinesisLocalWorld]:
    """An autoscaler without streams."""
    with patch.object(session, "create_loader", _one_loader), AWSWithKinesisLocal(kinesis_url) as aws:
        yield KinesisLocalWorld(aws)
