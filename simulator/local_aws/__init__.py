"""A local AWS on a virtual clock: moto, with additions.

moto keeps the state of every service and implements their protocols. Patches add what it lacks, in one module for each
service, which says what moto does instead:

- `functions`: Lambda runs the uploaded code, retries asynchronous invocations, and supports destinations;
- `topics`: SNS invokes functions with its real event;
- `schedules`: EventBridge Scheduler runs its schedules;
- `streams`: Kinesis takes time to reshard and enforces its limits;
- `alarms`: CloudWatch evaluates alarms, acts on their changes and computes metric data;
- `faults`, `delivery`: failures of metrics, alarms and reshards for tests;
- `shard_pages`: Kinesis lists shards by filters and in pages;
- `queues`: SQS reports to CloudWatch how many messages wait;
- `log_queries`: CloudWatch Logs keeps saved queries;
- `partiql`: DynamoDB answers SELECT statements;
- `queries`: DynamoDB reads only items that a query can match, and copies of them only what can change;
- `transactions`: DynamoDB copies only what a transaction writes;
- `short_ways`: frequent calls of functions, and of other clients in this process, are answered without HTTP.
"""

from __future__ import annotations

import logging
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import lru_cache
from threading import Thread
from typing import TYPE_CHECKING, Any, Self
from unittest.mock import patch

import boto3
from moto import mock_aws
from moto.core import models
from moto.core.base_backend import BackendDict
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.core.serialize import BaseJSONSerializer
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from simulator.aws.assumptions import ASSUMED
from simulator.aws.clock import VirtualClock
from simulator.local_aws.alarms import Alarms
from simulator.local_aws.delivery import DeliveredMetrics
from simulator.local_aws.environment import aws_variables, local_variables
from simulator.local_aws.faults import Faults
from simulator.local_aws.function import ApiObserver
from simulator.local_aws.functions import Functions
from simulator.local_aws.log_queries import LogQueries
from simulator.local_aws.partiql import PartiQL
from simulator.local_aws.queries import Queries
from simulator.local_aws.queues import Queues
from simulator.local_aws.schedules import Schedules
from simulator.local_aws.short_ways import ShortWays
from simulator.local_aws.streams import Streams
from simulator.local_aws.topics import Topics
from simulator.local_aws.transactions import Transactions
from simulator.local_aws.update_expressions import UpdateExpressions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

    from moto.core.model import StructureShape

    from simulator.aws.kinesis import Minute
    from simulator.traffic import Traffic

_serialize_any_structure = BaseJSONSerializer._serialize_type_structure  # noqa: SLF001 - see _serialize_structure
_create_backend = BackendDict._create_account_specific_backend  # noqa: SLF001 - see _create_backend_once

START = datetime(2026, 1, 5, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)


class Transport(Enum):
    """How API calls reach the local AWS."""

    HTTP = "http"
    """Over HTTP on a free local port: for Terraform, the AWS CLI and everything else outside this process."""

    IN_PROCESS = "in-process"
    """boto3 calls of this process are answered without a network: the same behaviour, several times faster."""


class LocalAWS:
    """One account and region of AWS, on a virtual clock, as a context manager.

    Inside the `with` block, boto3 in this process uses it. With Transport.HTTP, so does everything that gets
    `environment`. Only `advance_minute` moves time. Only one local AWS exists at a time: moto's state is the process's.

    Attributes:
        clock: the virtual clock.
        store: the metrics of CloudWatch.
        environment: the variables that point a client at it.
        functions: Lambda.
        streams: Kinesis.
        alarms: CloudWatch's alarms.
        schedules: EventBridge Scheduler.
        observer: sees every API call of functions, and may make it fail.
        faults: failures of CloudWatch, and refusals of Kinesis.

    """

    account_id = DEFAULT_ACCOUNT_ID

    def __init__(
        self,
        transport: Transport = Transport.IN_PROCESS,
        *,
        start: datetime = START,
        region: str = "us-east-1",
        metric_delay_seconds: int = ASSUMED.metric_delay_seconds,
        **stream_options: Any,  # noqa: ANN401 - options of StreamModel
    ) -> None:
        """Configure the start, a full minute, the delay of metrics, and options for every StreamModel.

        Among these are `assumptions`, or single ones by their names (see `simulator.aws.assumptions`).
        """
        self.transport = transport
        self.region = region
        self.environment = local_variables(region)
        self.clock = VirtualClock(start)
        self.faults = Faults(self.clock)
        self.store = DeliveredMetrics(metric_delay_seconds, self.faults)
        self.observer = ApiObserver()
        self.functions = Functions(self.clock, self.store, lambda: self.environment, self.observer)
        self.streams = Streams(self.clock, self.store, self.account_id, region, self.faults, stream_options)
        self._topics = Topics(self.functions)
        self.alarms = Alarms(self.clock, self.store, self.account_id, region, self.faults)
        self._queues = Queues(self.clock, self.store, self.account_id, region)
        self._log_queries = LogQueries()
        self._partiql = PartiQL()
        self.schedules = Schedules(self.clock, self.functions, self.account_id, region)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Start an empty AWS."""
        with ExitStack() as stack:
            stack.enter_context(self.clock)
            if self.transport is Transport.HTTP:
                BackendDict.reset()
                stack.callback(BackendDict.reset)
                self.environment = local_variables(self.region, stack.enter_context(_moto_server()))
                stack.enter_context(patch.object(boto3, "DEFAULT_SESSION", None))
            else:
                stack.enter_context(_mocked_boto3())
            stack.enter_context(aws_variables(self.environment))
            parts: list[Any] = [
                self.functions,
                self.streams,
                self._topics,
                self.alarms,
                self._log_queries,
                self._partiql,
                Queries(),
                Transactions(),
                UpdateExpressions(),
                ShortWays(self.account_id, self.alarms.describe, self.environment.get("AWS_ENDPOINT_URL")),
            ]
            for part in parts:
                for each in part.patches():
                    stack.enter_context(each)
            stack.enter_context(patch.object(BaseJSONSerializer, "_serialize_type_structure", _serialize_structure))
            stack.enter_context(patch.object(BackendDict, "_create_account_specific_backend", _create_backend_once))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Discard all resources."""
        self._stack.close()

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3 creates the class of a client at run time
        """Return a boto3 client of a service, the same one each time."""
        return _client(service, self.region, self.environment.get("AWS_ENDPOINT_URL"))

    def advance_minute(self, traffic: Mapping[str, Traffic] | None = None) -> dict[str, Minute]:
        """Advance by one minute: send `traffic` (by stream name), then run everything due at the end of the minute.

        Returns the result of the traffic. A stream that is not named in it reports no metrics for the minute.
        """
        minute = self.clock.now().replace(second=0, microsecond=0)
        outcome = self.streams.offer(minute, traffic or {})
        self.clock.travel_to(minute + _MINUTE)
        self.store.deliver(minute + _MINUTE)
        self.functions.run_due()
        self.schedules.run_due()
        self._queues.report()
        self.alarms.evaluate()
        return outcome


@lru_cache(maxsize=32)
def _client(service: str, region: str, endpoint: str | None) -> Any:  # noqa: ANN401 - its class exists at run time
    """Clients are reused between local AWSs, because creating one takes longer than a hundred calls."""
    make_client: Any = boto3.client  # its stubs only accept literal names
    return make_client(service, region_name=region, endpoint_url=endpoint)


@contextmanager
def _mocked_boto3() -> Iterator[None]:
    """Patch boto3 only. Patching `requests` as well would take longer than a simulated hour."""
    mock = mock_aws()
    with patch.object(models, "RESPONSES_METHODS", []):
        mock.start()
    try:
        yield
    finally:
        mock.stop()


@contextmanager
def _moto_server() -> Iterator[str]:
    """Run a moto server on a free port of this machine. Yield its address."""
    requests_log = logging.getLogger("werkzeug")
    level = requests_log.level
    requests_log.setLevel(logging.ERROR)
    application = DomainDispatcherApplication(create_backend_app)
    # For each request moto lists the folders of its package, which takes as long as the request.
    vars(application)["get_backend_for_host"] = lru_cache(application.get_backend_for_host)
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=MotoRequestHandler)
    # moto's own ThreadedMotoServer does the same, but takes half a second to stop.
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://{server.host}:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        requests_log.setLevel(level)


def _serialize_structure(
    serializer: BaseJSONSerializer, serialized: dict[str, Any], value: object, shape: StructureShape, key: str
) -> None:
    """Write DynamoDB's attributes as they are.

    moto looks up ten members under a dozen names for each attribute, which takes a third of a replay's time.
    """
    if shape.name == "AttributeValue":
        serialized[key] = value
    else:
        _serialize_any_structure(serializer, serialized, value, shape, key)


def _create_backend_once(backends: BackendDict[Any], account_id: str) -> None:
    """Create a service's backends for an account unless they exist.

    Each time, moto also compares the service with every other one, to register it.
    """
    if account_id not in backends:
        _create_backend(backends, account_id)
