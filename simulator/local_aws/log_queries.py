"""CloudWatch Logs: the saved queries of Logs Insights, which moto lacks."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

from moto.logs.responses import LogsResponse


class LogQueries:
    """Stores the saved queries by their id. Running them is not simulated."""

    def __init__(self) -> None:
        """Start without saved queries."""
        self.definitions: dict[str, dict[str, Any]] = {}

    def patches(self) -> Iterator[AbstractContextManager[Any]]:
        """Add the operations that moto lacks."""

        def put(response: LogsResponse) -> str:
            given = json.loads(response.body)
            query_id = given.get("queryDefinitionId") or str(uuid.uuid4())
            kept = {key: given[key] for key in ("name", "queryString", "logGroupNames") if key in given}
            self.definitions[query_id] = {"queryDefinitionId": query_id, "queryLanguage": "CWLI", **kept}
            return json.dumps({"queryDefinitionId": query_id})

        def describe(response: LogsResponse) -> str:
            prefix = json.loads(response.body).get("queryDefinitionNamePrefix", "")
            found = [each for each in self.definitions.values() if each["name"].startswith(prefix)]
            return json.dumps({"queryDefinitions": found})

        def delete(response: LogsResponse) -> str:
            query_id = json.loads(response.body)["queryDefinitionId"]
            return json.dumps({"success": self.definitions.pop(query_id, None) is not None})

        for operation, answer in (
            ("put_query_definition", put),
            ("describe_query_definitions", describe),
            ("delete_query_definition", delete),
        ):
            yield patch.object(LogsResponse, operation, answer, create=True)
