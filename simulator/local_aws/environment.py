"""The environment variables that tell this process and its children which AWS to use."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def with_aws(variables: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment with `variables` instead of all its variables about AWS."""
    return {**{name: value for name, value in os.environ.items() if not name.startswith("AWS_")}, **variables}


@contextmanager
def aws_variables(variables: Mapping[str, str]) -> Iterator[None]:
    """Replace all variables about AWS in this process's environment by `variables`, and restore them afterwards."""
    before = dict(os.environ)
    _become(with_aws(variables))
    try:
        yield
    finally:
        _become(before)


def _become(environment: Mapping[str, str]) -> None:
    """Change only the variables that differ, because each change is a call to the operating system."""
    present = dict(os.environ)
    for name in present.keys() - environment.keys():
        del os.environ[name]
    os.environ.update({name: value for name, value in environment.items() if present.get(name) != value})


def local_variables(region: str, endpoint: str | None = None) -> dict[str, str]:
    """Return the variables with which a client uses a local AWS only: no profile, no metadata service."""
    variables = {
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    return variables | ({"AWS_ENDPOINT_URL": endpoint} if endpoint else {})
