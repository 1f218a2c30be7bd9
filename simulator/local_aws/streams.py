"""Kinesis: moto's streams, with the resharding time, the limits and the metrics of `StreamModel`."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any
from unittest.mock import patch
from weakref import WeakKeyDictionary

from moto.core.exceptions import JsonRESTError
from moto.kinesis.models import Consumer, KinesisBackend, Stream, kinesis_backends

from simulator.aws.kinesis import KinesisAccount, KinesisError, Minute, StreamModel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from datetime import datetime

    from simulator.aws.clock import VirtualClock
    from simulator.aws.metrics import MetricStore
    from simulator.traffic import Traffic

_OF_THE_MODEL = ("OpenShardCount", "ConsumerCount")
"""What of DescribeStreamSummary moto does not know."""


class Streams:
    """Keeps one `StreamModel` for each stream that exists in moto, and both in agreement.

    Attributes:
        account: the shard quota that the streams share.

    """

    def __init__(
        self, clock: VirtualClock, store: MetricStore, account_id: str, region: str, options: Mapping[str, Any]
    ) -> None:
        """Model the streams of one account and region; `options` go to every StreamModel."""
        self.account = KinesisAccount()
        self._clock = clock
        self._store = store
        self._account_id = account_id
        self._region = region
        self._options = options
        self._lock = Lock()
        self._models: WeakKeyDictionary[Stream, StreamModel] = WeakKeyDictionary()
        self._settled: WeakKeyDictionary[Stream, int] = WeakKeyDictionary()

    def model(self, stream_name: str) -> StreamModel:
        """The model behind a stream; raises moto's ResourceNotFoundException where there is no such stream."""
        backend: KinesisBackend = kinesis_backends[self._account_id][self._region]
        return self._model(backend.describe_stream(None, stream_name))

    def offer(self, minute: datetime, traffic: Mapping[str, Traffic]) -> dict[str, Minute]:
        """Send one minute of traffic to streams, by name, and tell what became of it."""
        return {name: self.model(name).offer(minute, load.bytes, load.records) for name, load in traffic.items()}

    def patches(self) -> Iterator[AbstractContextManager[Any]]:
        """Patch moto, which reshards at once and knows neither limits nor quotas."""
        find_stream = KinesisBackend.describe_stream
        delete_stream = KinesisBackend.delete_stream
        register_consumer = KinesisBackend.register_stream_consumer
        summarise = Stream.to_json_summary

        def describe_stream(backend: KinesisBackend, stream_arn: str | None, stream_name: str | None) -> Stream:
            stream = find_stream(backend, stream_arn, stream_name)
            self._settle(stream)
            return stream

        def to_json_summary(stream: Stream) -> dict[str, Any]:
            summary: dict[str, Any] = summarise(stream)
            state = self._model(stream).describe(self._clock.now())["StreamDescriptionSummary"]
            summary["StreamDescriptionSummary"] |= {name: state[name] for name in _OF_THE_MODEL}
            return summary

        def update_shard_count(
            backend: KinesisBackend, stream_arn: str | None, stream_name: str | None, target_shard_count: int
        ) -> int:
            stream = backend.describe_stream(stream_arn, stream_name)
            answer = _refusable(lambda: self._model(stream).update_shard_count(target_shard_count, self._clock.now()))
            self._settle(stream)
            return int(answer["CurrentShardCount"])

        def update_stream_mode(backend: KinesisBackend, stream_arn: str, stream_mode: dict[str, str]) -> None:
            stream = backend.describe_stream(stream_arn, None)
            _refusable(lambda: self._model(stream).update_stream_mode(stream_mode["StreamMode"], self._clock.now()))
            stream.stream_mode = stream_mode
            self._settle(stream)

        def delete(backend: KinesisBackend, stream_arn: str | None, stream_name: str | None) -> Stream:
            stream = delete_stream(backend, stream_arn, stream_name)
            self.account.streams.remove(self._model(stream))
            return stream

        def register(backend: KinesisBackend, stream_arn: str, consumer_name: str) -> Consumer:
            stream = backend.describe_stream(stream_arn, None)
            _refusable(lambda: self._model(stream).register_consumer(consumer_name))
            return register_consumer(backend, stream_arn, consumer_name)

        def deregister(backend: KinesisBackend, stream_arn: str, consumer_name: str, consumer_arn: str) -> None:
            consumer = backend.describe_stream_consumer(stream_arn, consumer_name, consumer_arn)
            stream = backend.describe_stream(consumer.stream_arn, None)
            stream.consumers.remove(consumer)  # moto, asked by name, removes the others
            del self._model(stream).fan_out[consumer.consumer_name]

        def describe_limits(_: KinesisBackend) -> dict[str, int]:
            return self.account.describe_limits(self._clock.now())

        yield patch.object(KinesisBackend, "describe_stream", describe_stream)
        yield patch.object(KinesisBackend, "update_shard_count", update_shard_count)
        yield patch.object(KinesisBackend, "update_stream_mode", update_stream_mode)
        yield patch.object(KinesisBackend, "delete_stream", delete)
        yield patch.object(KinesisBackend, "describe_limits", describe_limits)
        yield patch.object(KinesisBackend, "register_stream_consumer", register)
        yield patch.object(KinesisBackend, "deregister_stream_consumer", deregister)
        yield patch.object(KinesisBackend, "split_shard", self._by_hand(KinesisBackend.split_shard))
        yield patch.object(KinesisBackend, "merge_shards", self._by_hand(KinesisBackend.merge_shards))
        yield patch.object(Stream, "to_json_summary", to_json_summary)

    def _by_hand(self, operation: Callable[..., None]) -> Callable[..., None]:
        """SplitShard or MergeShards, which the model has to hear of."""

        def operate(backend: KinesisBackend, stream_arn: str | None, stream_name: str | None, *shards: str) -> None:
            stream = backend.describe_stream(stream_arn, stream_name)
            operation(backend, stream_arn, stream_name, *shards)
            _refusable(lambda: self._model(stream).reshard_by_hand(_open_shard_count(stream), self._clock.now()))

        return operate

    def _model(self, stream: Stream) -> StreamModel:
        with self._lock:  # Terraform asks for one stream from several threads at once
            return self._models.get(stream) or self._new_model(stream)

    def _new_model(self, stream: Stream) -> StreamModel:
        model = self._models[stream] = StreamModel(
            stream.stream_name,
            _open_shard_count(stream),
            store=self._store,
            created_at=self._clock.now(),
            account=self.account,
            arn=stream.arn,
            **self._options,
        )
        model.mode = stream.stream_mode["StreamMode"]
        return model

    def _settle(self, stream: Stream) -> None:
        """Bring moto's stream to where its model is: its status always, its shards once a reshard is done."""
        model, now = self._model(stream), self._clock.now()
        with self._lock:
            stream.status = model.status(now)
            shard_count = model.shard_count(now)
            if self._settled.get(stream) != shard_count:  # moto keeps closed shards: counting takes ever longer
                if _open_shard_count(stream) != shard_count:
                    stream.update_shard_count(shard_count)
                self._settled[stream] = shard_count


def _open_shard_count(stream: Stream) -> int:
    return sum(shard.is_open for shard in stream.shards.values())


def _refusable(request: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever the request answers
    """Carry out a request to a model; its refusal becomes the error that moto answers with."""
    try:
        return request()
    except KinesisError as refusal:
        raise JsonRESTError(refusal.code, str(refusal)) from refusal
