"""The ways to a local AWS. A test takes the one in this process, unless it is about what passes over the wire."""

from __future__ import annotations

import pytest

from simulator.local_aws import Transport
from tests.faults.effort import SOAK


def _name(transport: Transport) -> str:
    return transport.value


usual_transport = pytest.fixture(params=Transport if SOAK else [Transport.IN_PROCESS], ids=_name)
"""Makes a fixture of a local AWS, which reads `request.param`. In the soak, every test takes both ways."""

over_http_too = pytest.mark.parametrize("aws", Transport, indirect=True, ids=_name)
"""Marks a test that takes both ways always."""
