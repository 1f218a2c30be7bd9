"""Clients of a fake AWS account."""

from __future__ import annotations

import boto3
import hypothesis
import pytest
from moto import mock_aws

from tests.faults.effort import effort
from tests.unit.account import REGION, create_audit_table

# A busy machine may need more time for an example.
hypothesis.settings.register_profile("unit", deadline=None, max_examples=effort(35))
hypothesis.settings.load_profile("unit")


@pytest.fixture(scope="session")
def session():
    """One session for all tests, because a session reads large files at its first use."""
    return boto3.Session(region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test")


@pytest.fixture
def aws(session, monkeypatch):
    """moto instead of AWS."""
    with mock_aws():
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", session)
        yield session


@pytest.fixture
def cloudwatch(aws):
    return aws.client("cloudwatch")


@pytest.fixture
def kinesis(aws):
    return aws.client("kinesis")


@pytest.fixture
def dynamodb(aws):
    """A client, with the audit table."""
    client = aws.client("dynamodb")
    create_audit_table(client)
    return client
