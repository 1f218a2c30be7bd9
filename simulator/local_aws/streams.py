"""Kinesis: moto's streams with the reshard times, limits and metrics of `StreamModel`."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any
from unittest.mock import patch
from weakref import WeakKeyDictionary

from moto.core.exceptions import JsonRESTError
from moto.core.responses import ActionResult
from moto.kinesis.models import Consumer, KinesisBackend, Stream, kinesis_backends
from moto.kinesis.models import Shard as MotoShard
from moto.kinesis.responses import KinesisResponse

from simulator.aws.assumptions import ASSUMED
from simulator.aws.kinesis import KinesisAccount, KinesisError, Minute, Shard, StreamModel
from simulator.local_aws.shard_pages import PARAMETERS, ShardPage
from simulator.traffic import Traffic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from datetime import datetime

    from simulator.aws.clock import VirtualClock
    from simulator.aws.kinesis.shards import Layout
    from simulator.aws.metrics import MetricStore
    from simulator.local_aws.faults import Faults

_RETENTION = timedelta(days=1)
_OF_THE_MODEL = ("OpenShardCount", "ConsumerCount")
"""The parts of DescribeStreamSummary that moto lacks."""


class Streams:
    """Keeps a `StreamModel` for each stream in moto, and keeps both consistent.

    Attributes:
        account: the shard quota that the streams share.

    """

    def __init__(
        self,
        clock: VirtualClock,
        store: MetricStore,
        account_id: str,
        region: str,
        faults: Faults,
        options: Mapping[str, Any],
    ) -> None:
        """Model the streams of one account and region. `options` are passed to every StreamModel."""
        assumptions = options.get("assumptions", ASSUMED)
        assumed = {field.name: options[field.name] for field in fields(assumptions) if field.name in options}
        self.account = KinesisAccount(account_id=account_id, region=region, assumptions=replace(assumptions, **assumed))
        self._faults = faults
        self._clock = clock
        self._store = store
        self._account_id = account_id
        self._region = region
        self._options = options
        self._lock = Lock()
        self._models: WeakKeyDictionary[Stream, StreamModel] = WeakKeyDictionary()
        self._settled: WeakKeyDictionary[Stream, Layout] = WeakKeyDictionary()
        self._written: dict[str, Traffic] = {}

    def model(self, stream_name: str) -> StreamModel:
        """Return the model of a stream.

        Raises moto's ResourceNotFoundException if there is no such stream.
        """
        backend: KinesisBackend = kinesis_backends[self._account_id][self._region]
        return self._model(backend.describe_stream(None, stream_name))

    def offer(self, minute: datetime, traffic: Mapping[str, Traffic]) -> dict[str, Minute]:
        """Send one minute of traffic to streams, by name, and return the results.

        Records that PutRecords has written since the last minute are included, and are never throttled.
        """
        loads = {**traffic}
        for name, written in self._written.items():
            more = loads.get(name, Traffic(0, 0))
            loads[name] = Traffic(written.bytes + more.bytes, written.records + more.records)
        self._written.clear()
        return {name: self.model(name).offer(minute, load.bytes, load.records) for name, load in loads.items()}

    def patches(self) -> Iterator[AbstractContextManager[Any]]:
        """Patch moto, which reshards at once, drops a stream's first tags, and lacks limits, quotas, shard filters."""
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
            model = self._reshardable(stream)
            answer = _refusable(lambda: model.update_shard_count(target_shard_count, self._clock.now()))
            self._settle(stream)
            return int(answer["CurrentShardCount"])

        def split_shard(
            backend: KinesisBackend, stream_arn: str | None, stream_name: str | None, shard: str, hash_key: str
        ) -> None:
            stream = backend.describe_stream(stream_arn, stream_name)
            model = self._reshardable(stream)
            _refusable(lambda: model.split_shard(shard, int(hash_key), self._clock.now()))
            self._settle(stream)

        def merge_shards(
            backend: KinesisBackend, stream_arn: str | None, stream_name: str | None, shard: str, adjacent: str
        ) -> None:
            stream = backend.describe_stream(stream_arn, stream_name)
            model = self._reshardable(stream)
            _refusable(lambda: model.merge_shards(shard, adjacent, self._clock.now()))
            self._settle(stream)

        def update_stream_mode(backend: KinesisBackend, stream_arn: str, stream_mode: dict[str, str]) -> None:
            stream = backend.describe_stream(stream_arn, None)
            _refusable(lambda: self._model(stream).update_stream_mode(stream_mode["StreamMode"], self._clock.now()))
            stream.stream_mode = stream_mode
            self._settle(stream)

        def delete(backend: KinesisBackend, stream_arn: str | None, stream_name: str | None) -> Stream:
            stream = delete_stream(backend, stream_arn, stream_name)
            self._written.pop(stream.stream_name, None)
            self.account.streams.remove(self._model(stream))
            return stream

        def register(backend: KinesisBackend, stream_arn: str, consumer_name: str) -> Consumer:
            stream = backend.describe_stream(stream_arn, None)
            _refusable(lambda: self._model(stream).register_consumer(consumer_name))
            return register_consumer(backend, stream_arn, consumer_name)

        def deregister(backend: KinesisBackend, stream_arn: str, consumer_name: str, consumer_arn: str) -> None:
            consumer = backend.describe_stream_consumer(stream_arn, consumer_name, consumer_arn)
            stream = backend.describe_stream(consumer.stream_arn, None)
            stream.consumers.remove(consumer)  # by name, moto would remove the others
            del self._model(stream).fan_out[consumer.consumer_name]

        def list_shards(response: KinesisResponse) -> ActionResult:
            now = self._clock.now()
            parameters = {name: response._get_param(name) for name in PARAMETERS}  # noqa: SLF001 - moto's own way
            page = _refusable(lambda: ShardPage.asked_for(parameters, now))
            stream = response.kinesis_backend.describe_stream(page.stream_arn, page.stream_name)
            return ActionResult(_refusable(lambda: page.of(self._model(stream), now)))

        def describe_limits(_: KinesisBackend) -> dict[str, int]:
            return self.account.describe_limits(self._clock.now())

        yield patch.object(KinesisResponse, "create_stream", _with_tags(KinesisResponse.create_stream))
        yield patch.object(KinesisBackend, "describe_stream", describe_stream)
        yield patch.object(KinesisBackend, "update_shard_count", update_shard_count)
        yield patch.object(KinesisBackend, "update_stream_mode", update_stream_mode)
        yield patch.object(KinesisBackend, "delete_stream", delete)
        yield from self._write_patches()
        yield patch.object(KinesisBackend, "describe_limits", describe_limits)
        yield patch.object(KinesisBackend, "register_stream_consumer", register)
        yield patch.object(KinesisBackend, "deregister_stream_consumer", deregister)
        yield patch.object(KinesisBackend, "split_shard", split_shard)
        yield patch.object(KinesisBackend, "merge_shards", merge_shards)
        yield patch.object(KinesisResponse, "list_shards", list_shards)
        yield patch.object(Stream, "to_json_summary", to_json_summary)

    def _write_patches(self) -> Iterator[AbstractContextManager[Any]]:
        """Patch moto, whose metrics of PutRecords differ from Kinesis, and which gets slower with every record."""
        put_records = KinesisBackend.put_records

        def put(
            backend: KinesisBackend, stream_arn: str | None, stream_name: str | None, records: list[dict[str, Any]]
        ) -> dict[str, Any]:
            answer: dict[str, Any] = put_records(backend, stream_arn, stream_name, records)  # type: ignore[arg-type]
            name = backend.describe_stream(stream_arn, stream_name).stream_name
            size = sum(len(each["Data"]) * 3 // 4 + len(each["PartitionKey"]) for each in records)
            before = self._written.get(name, Traffic(0, 0))
            self._written[name] = Traffic(before.bytes + size, before.records + len(records))
            return answer

        def answer(response: KinesisResponse) -> str:
            about = [response._get_param(each) for each in ("StreamARN", "StreamName", "Records")]  # noqa: SLF001
            return json.dumps(response.kinesis_backend.put_records(*about))

        def newest_number(shard: MotoShard) -> int:
            return int(next(reversed(shard.records), 0))

        yield patch.object(KinesisBackend, "put_records", put)
        yield patch.object(KinesisResponse, "put_records", answer)
        yield patch.object(MotoShard, "get_max_sequence_number", newest_number)
        yield patch.object(KinesisBackend, "_send_stream_metrics", lambda *_, **__: None)

    def _reshardable(self, stream: Stream) -> StreamModel:
        """Return the model of a stream before a reshard, unless a fault refuses the reshard."""
        model = self._model(stream)
        if (limit := self._faults.refuses_reshards(stream.stream_name)) is not None:
            shards = self.account.describe_limits(self._clock.now())
            more = model.shard_count(self._clock.now())
            about = {"open": shards["OpenShardCount"], "limit": shards["ShardLimit"], "more": more}
            refusal = self.account.refusal(limit, stream=stream.stream_name, operation="UpdateShardCount", **about)
            raise JsonRESTError(refusal.code, str(refusal))
        return model

    def _model(self, stream: Stream) -> StreamModel:
        with self._lock:  # Terraform requests one stream in several threads at once
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
        """Update moto's stream from its model: its status always, its shards at the end of a reshard."""
        model, now = self._model(stream), self._clock.now()
        with self._lock:
            stream.status = model.status(now)
            model.shard_level_metrics = frozenset(stream.shard_level_metrics)
            layout = model.shards.open(now)
            if self._settled.get(stream) is not layout:
                lives = {life.shard.id: life for life in model.shards.listed(now, _RETENTION)}
                stream.shards = {
                    id_: _moto_shard(life.shard, stream.shards.get(id_), is_open=life.shard in layout)
                    for id_, life in lives.items()
                }
                stream.shard_count = len(layout)
                self._settled[stream] = layout


def _with_tags(create_stream: Callable[[KinesisResponse], ActionResult]) -> Callable[[KinesisResponse], ActionResult]:
    def create(response: KinesisResponse) -> ActionResult:
        answer = create_stream(response)
        name, tags = (response._get_param(each) for each in ("StreamName", "Tags"))  # noqa: SLF001 - moto's own way
        response.kinesis_backend.add_tags_to_stream(None, name, tags or {})
        return answer

    return create


def _open_shard_count(stream: Stream) -> int:
    return sum(shard.is_open for shard in stream.shards.values())


def _moto_shard(shard: Shard, known: MotoShard | None, *, is_open: bool) -> MotoShard:
    """Return a shard in moto's form, with moto's records of it."""
    moto_shard = known or MotoShard(shard.number, shard.first, shard.last, shard.parent, shard.adjacent_parent)
    moto_shard.starting_hash, moto_shard.ending_hash, moto_shard.is_open = shard.first, shard.last, is_open
    return moto_shard


def _refusable(request: Callable[[], Any]) -> Any:  # noqa: ANN401 - the answer of any request
    """Send a request to a model. A refusal is raised as the error that moto returns."""
    try:
        return request()
    except KinesisError as refusal:
        raise JsonRESTError(refusal.code, str(refusal)) from refusal
