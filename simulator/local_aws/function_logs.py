"""The logs and prints of a function in Lambda's JSON log format."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import threading
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

# Records of botocore and its HTTP layer are not part of the function's log.
_PLUMBING_LOGGERS = ("boto3", "botocore", "moto", "responses", "urllib3", "werkzeug")
_PLAIN_RECORD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


def timestamp() -> str:
    """Return the present time in the form of a log line."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@contextlib.contextmanager
def captured_logs(events: list[dict[str, Any]], request_id: str, level: str) -> Iterator[None]:
    """Add the log records and prints of this thread to `events`, one dict for each line."""
    handler = _JsonLog(events, request_id)
    root = logging.getLogger()
    own_level = root.level
    root.addHandler(handler)
    root.setLevel(level)
    output = _PrintedLines(events)
    try:
        with contextlib.redirect_stdout(output):
            yield
    finally:
        output.close()
        root.removeHandler(handler)
        root.setLevel(own_level)


class _JsonLog(logging.Handler):
    """Writes records in Lambda's JSON log format, as the Python runtime does, with the fields given as `extra`."""

    def __init__(self, events: list[dict[str, Any]], request_id: str) -> None:
        super().__init__()
        self._events = events
        self._request_id = request_id
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread != self._thread or record.name.partition(".")[0] in _PLUMBING_LOGGERS:
            return
        line: dict[str, object] = {
            "timestamp": timestamp(),
            "level": record.levelname,
            "message": record.getMessage(),
            "logger": record.name,
            "requestId": self._request_id,
        }
        if record.exc_info and record.exc_info[0]:
            kind, error, trace = record.exc_info
            line |= {"errorType": kind.__name__, "errorMessage": str(error), "stackTrace": traceback.format_tb(trace)}
        extras = {name: value for name, value in vars(record).items() if name not in _PLAIN_RECORD}
        # The runtime also uses default=str, so that an extra without a JSON form cannot fail the function.
        self._events.append(json.loads(json.dumps(line | extras, default=str)))


class _PrintedLines(io.TextIOBase):
    """Standard output of a function: each printed line becomes a separate log event."""

    def __init__(self, events: list[dict[str, Any]]) -> None:
        self._events = events
        self._rest = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in filter(None, lines):
            self._events.append(_printed_event(line))
        return len(text)

    def close(self) -> None:
        if self._rest:
            self.write("\n")
        super().close()


def _printed_event(line: str) -> dict[str, Any]:
    try:
        event = json.loads(line)
    except ValueError:
        return {"message": line}
    return event if isinstance(event, dict) else {"message": line}
