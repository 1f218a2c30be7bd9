"""Shortcuts for the most frequent calls of functions and replays, without the protocol between boto3 and moto.

In such a call, botocore and moto spend nearly all of their time on the protocol: parameters become JSON, are signed,
routed and parsed, and the answer likewise. Here botocore checks the parameters as usual, then the method of moto that
the call would reach gets them directly, and its result is converted to the form that boto3 returns. So the answer is
the same as without the shortcut, and observers of API calls (`function.ApiObserver`) see these calls as well.

Whatever moto refuses is asked once more on the long way, which knows how to put an error; so a write has a short way
only where a refusal has changed nothing. And while somebody stands at the wire, having patched botocore's Endpoint or
moto's stubber to play a network or a quota, every call takes it; or those alone that the `operations` of the patch
name.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from botocore import xform_name
from botocore.client import BaseClient
from botocore.endpoint import Endpoint
from botocore.validate import validate_parameters
from moto.cloudwatch.models import Alarm
from moto.cloudwatch.responses import CloudWatchResponse
from moto.core.botocore_stubber import BotocoreStubber
from moto.core.exceptions import ServiceException
from moto.dynamodb.responses import DynamoHandler
from moto.kinesis.responses import KinesisResponse
from werkzeug.exceptions import HTTPException

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from moto.core.responses import BaseResponse

SHORT: dict[tuple[str, str], Callable[[], BaseResponse]] = {
    ("cloudwatch", "DescribeAlarms"): CloudWatchResponse,
    ("cloudwatch", "GetMetricData"): CloudWatchResponse,
    ("cloudwatch", "ListTagsForResource"): CloudWatchResponse,
    ("cloudwatch", "PutMetricAlarm"): CloudWatchResponse,
    ("cloudwatch", "SetAlarmState"): CloudWatchResponse,
    ("dynamodb", "GetItem"): DynamoHandler,
    ("dynamodb", "PutItem"): DynamoHandler,
    ("dynamodb", "Query"): DynamoHandler,
    ("dynamodb", "TransactWriteItems"): DynamoHandler,
    ("dynamodb", "UpdateItem"): DynamoHandler,
    ("kinesis", "DescribeStreamSummary"): KinesisResponse,
}
"""The operations with a shortcut, by service, and the class of moto that answers them."""


class ShortWays:
    """Answers the most frequent calls of this process's boto3 clients."""

    def __init__(
        self, account_id: str, describe_alarm: Callable[[Alarm], dict[str, Any]], endpoint: str | None = None
    ) -> None:
        """Answer for one account. `describe_alarm` returns an alarm in the form of DescribeAlarms.

        With an `endpoint`, answer for it, and only calls of functions: whoever else uses it may watch its calls there.
        """
        self._account_id = account_id
        self._describe_alarm = describe_alarm
        self._endpoint = endpoint

    def patches(self) -> Iterator[AbstractContextManager[Any]]:
        """Patch the method that every call of a boto3 client passes."""
        long_way = BaseClient._make_api_call  # type: ignore[attr-defined]  # noqa: SLF001
        wire = _wire()

        def is_free(operation: str) -> bool:
            return all(
                now is before or operation not in getattr(now, "operations", (operation,))
                for now, before in zip(_wire(), wire, strict=True)
            )

        def make_api_call(client: BaseClient, operation: str, parameters: dict[str, Any]) -> object:
            make_response = SHORT.get((client.meta.service_model.service_name, operation))
            if make_response is None or not is_free(operation) or not self._would_arrive(client):
                return long_way(client, operation, parameters)
            shape = client.meta.service_model.operation_model(operation).input_shape
            validate_parameters(parameters, shape)  # type: ignore[arg-type]  # each of these operations has input
            response = make_response()
            response.automated_parameter_parsing = True
            response.params = response.body = self._plain(parameters)
            response.uri_match = {}
            response.current_account, response.region = self._account_id, client.meta.region_name
            try:
                result = getattr(response, xform_name(operation))().result
            except (ServiceException, HTTPException):
                return long_way(client, operation, parameters)
            if make_response is DynamoHandler or operation == "GetMetricData":
                # These results are large, and already plain data that nobody else has.
                plain = {name: each for name, each in (result or {}).items() if each is not None}
            else:
                plain = self._plain(result or {})
            return {**plain, "ResponseMetadata": {"HTTPStatusCode": 200, "RetryAttempts": 0}}

        yield patch.object(BaseClient, "_make_api_call", make_api_call)

    def _would_arrive(self, client: BaseClient) -> bool:
        """Return whether calls of a client reach this AWS: it has credentials, and its endpoint or AWS's own."""
        signer: Any = client._request_signer  # type: ignore[attr-defined]  # noqa: SLF001
        if signer._credentials is None:  # noqa: SLF001
            return False
        if self._endpoint:
            return client.meta.endpoint_url == self._endpoint and "AWS_LAMBDA_FUNCTION_NAME" in os.environ
        return client.meta.endpoint_url.endswith(".amazonaws.com")

    def _plain(self, value: Any) -> Any:  # noqa: ANN401 - any shape of any service
        """Return a copy, so that neither side changes data of the other, with the types that boto3 uses."""
        if isinstance(value, dict):
            return {name: self._plain(each) for name, each in value.items() if each is not None}
        if isinstance(value, list):
            # All elements of a list have the same type. Metric data have tens of thousands of values and timestamps.
            nested = value and isinstance(value[0], (dict, list, Alarm))
            return [self._plain(each) for each in value] if nested else list(value)
        if isinstance(value, Alarm):
            return self._plain(self._describe_alarm(value))
        if isinstance(value, datetime) and value.tzinfo is None:
            return value.replace(tzinfo=UTC)
        return value


def _wire() -> tuple[object, object]:
    """Return the objects where a call leaves botocore and enters moto."""
    return vars(Endpoint)["_do_get_response"], vars(BotocoreStubber)["__call__"]
