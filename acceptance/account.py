"""Where a run takes place: account, region and partition, and the access of boto3 and Terraform to it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from acceptance.errors import AcceptanceError, refusal

_CONFIG = Config(retries={"mode": "standard", "total_max_attempts": 8}, connect_timeout=5, read_timeout=60)
_INVOKE = Config(retries={"mode": "standard", "total_max_attempts": 4}, connect_timeout=5, read_timeout=150)
"""Longer than any invocation takes here. A retry would be harmless, because the function recognizes repeated events."""
_DOMAINS = {"aws": ".amazonaws.com", "aws-us-gov": ".amazonaws.com", "aws-cn": ".amazonaws.com.cn"}
_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_SERVICES = ("cloudwatch", "kinesis", "lambda")


@dataclass
class Account:
    """An account and region, and the caller's identity there.

    Attributes:
        session: the session for boto3.
        region: the region of all resources.
        partition: `aws`, `aws-us-gov`, `aws-cn`, …
        account_id: twelve digits.
        identity: the caller's ARN.
        endpoint_url: the endpoint instead of AWS; None for AWS, unless the environment sets an endpoint.
        environment: the variables that Terraform needs.
        skew: how far AWS's clock is ahead of this machine's, in whole seconds.

    """

    session: boto3.Session
    region: str
    partition: str
    account_id: str
    identity: str
    endpoint_url: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    skew: timedelta = timedelta()
    _clients: dict[str, Any] = field(default_factory=dict, repr=False)

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3 creates the class of a client at run time
        """Return the client of a service. The same service returns the same client."""
        if service not in self._clients:
            make: Any = self.session.client  # its stubs only accept literal names
            config = _INVOKE if service == "lambda" else _CONFIG
            self._clients[service] = make(service, endpoint_url=self.endpoint_url, config=config)
        return self._clients[service]

    @property
    def is_aws(self) -> bool:
        """Whether requests go to AWS itself, so that measurements are valid for AWS."""
        domain = _DOMAINS.get(self.partition)
        hosts = [urlsplit(self.client(service).meta.endpoint_url).hostname or "" for service in _SERVICES]
        return domain is not None and all(host.endswith(domain) for host in hosts)


def connect(*, region: str | None, profile: str | None, endpoint_url: str | None) -> Account:
    """Find out the caller's account and identity.

    Raises:
        AcceptanceError: there is no region, no credentials, or no answer. The message contains the remedy.
    """
    try:
        session = boto3.Session(profile_name=profile, region_name=region or os.environ.get("AWS_REGION") or None)
        if session.region_name is None:
            raise AcceptanceError("The region is unknown: use --region, or set AWS_REGION.")
        partition = session.get_partition_for_region(session.region_name)
        account = Account(session, session.region_name, partition, "", "", endpoint_url)
        answer = account.client("sts").get_caller_identity()
    except ClientError as error:
        raise AcceptanceError(refusal(error)) from error
    except BotoCoreError as error:
        raise AcceptanceError(f"AWS did not return your identity: {error}") from error
    account.account_id, account.identity = answer["Account"], answer["Arn"]
    account.environment = _for_terraform(account.region, profile, endpoint_url)
    if account.is_aws and (date := answer["ResponseMetadata"]["HTTPHeaders"].get("date")):
        account.skew = parsedate_to_datetime(date) - datetime.now(UTC)
    return account


def _for_terraform(region: str, profile: str | None, endpoint_url: str | None) -> dict[str, str]:
    """Return this process's environment with the values of the command line. A profile overrides keys."""
    environment = {name: value for name, value in os.environ.items() if not (profile and name in _KEYS)}
    environment |= {"AWS_REGION": region, "AWS_DEFAULT_REGION": region}
    if profile:
        environment["AWS_PROFILE"] = profile
    if endpoint_url:
        environment["AWS_ENDPOINT_URL"] = endpoint_url
    return environment
