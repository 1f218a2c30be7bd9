"""The reserved concurrency of the Lambda functions that consume a stream."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

logger = logging.getLogger("kinesis_autoscaler")


class Consumers:
    """Keeps consumers' reserved concurrency at shards × concurrency per shard."""

    def __init__(self, client: LambdaClient) -> None:
        """Use this client."""
        self._lambda = client

    def fit(self, concurrency_per_shard: Mapping[str, float], shard_count: int) -> list[str]:
        """Set each function's reserved concurrency for a shard count.

        Returns:
            One sentence for each failure. A failure neither reverts the scaling nor removes a limit: the function keeps
            its concurrency.
        """
        failures = []
        for function_name, per_shard in concurrency_per_shard.items():
            wanted = _wanted(per_shard, shard_count)
            try:
                self._lambda.put_function_concurrency(FunctionName=function_name, ReservedConcurrentExecutions=wanted)
            except (ClientError, BotoCoreError) as error:
                failures.append(f"The concurrency of consumer {function_name} could not be set to {wanted}: {error}")
        return failures

    def unfit(self, concurrency_per_shard: Mapping[str, float], shard_count: int) -> tuple[set[str], set[str]]:
        """The functions whose reserved concurrency is too low for a shard count or missing, and those with too much.

        A function that can't be read is in neither set.
        """
        low, high = set(), set()
        for function_name, per_shard in concurrency_per_shard.items():
            try:
                answer = self._lambda.get_function_concurrency(FunctionName=function_name)
            except (ClientError, BotoCoreError):
                logger.exception("A consumer's concurrency can't be read.", extra={"consumer": function_name})
                continue
            reserved, wanted = answer.get("ReservedConcurrentExecutions"), _wanted(per_shard, shard_count)
            if reserved is None or reserved < wanted:
                low.add(function_name)
            elif reserved > wanted:
                high.add(function_name)
        return low, high


def _wanted(per_shard: float, shard_count: int) -> int:
    return math.ceil(round(shard_count * per_shard, 9))
