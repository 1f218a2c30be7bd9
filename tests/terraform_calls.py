"""The calls with which Terraform reaches a local AWS, for comparison with permissions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from moto.core.responses import BaseResponse

_PERMISSIONS = {"awslambda": "lambda", "monitoring": "cloudwatch"}
"""The names of services in permissions, by moto's."""


@contextmanager
def calls_of_terraform() -> Iterator[list[str]]:
    """Yield the calls that reach AWS from Terraform, by the names of their permissions: `kinesis:ListShards`."""
    calls: list[str] = []
    call_action = BaseResponse.call_action

    def recorded(response: BaseResponse) -> Any:
        if "HashiCorp" in response.headers.get("User-Agent", ""):
            name = response.service_name
            calls.append(f"{_PERMISSIONS.get(name, name)}:{response._get_action()}")
        return call_action(response)

    with patch.object(BaseResponse, "call_action", recorded):
        yield calls
