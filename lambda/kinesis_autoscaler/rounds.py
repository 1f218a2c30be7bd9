"""A run over all streams: its results, and the isolation of failures."""

from __future__ import annotations

from dataclasses import dataclass

from .audit import SupersededError
from .reporting import Reporter, logger


@dataclass(slots=True)
class Summary:
    """The results of one run."""

    streams: int = 0
    finished: int = 0
    repaired: int = 0
    rearmed: int = 0
    stuck: int = 0
    """The re-armed alarms whose notification was lost. The others were re-armed for their next check."""
    failures: int = 0
    left_for_next_run: int = 0


class OneStream:
    """Keeps the failure of one stream from stopping the others."""

    def __init__(self, name: str, summary: Summary, reporter: Reporter) -> None:
        """Count a failure in the summary."""
        self._name, self._summary, self._reporter = name, summary, reporter

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        """Log and count a failure, and continue."""
        if isinstance(error, SupersededError):
            logger.info("Another invocation is working on this stream.", extra={"stream": self._name})
        elif isinstance(error, Exception):
            self._summary.failures += 1
            logger.error("Reconcile failed for a stream.", exc_info=error, extra={"stream": self._name})
            self._reporter.emit({"Failures": 1}, stream=self._name)
        return error is None or isinstance(error, Exception)
