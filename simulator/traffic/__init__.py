"""Traffic to replay: one `Traffic` a minute, generated or read from a file."""

from simulator.traffic.answers import GET_METRIC_DATA
from simulator.traffic.generated import generated_day
from simulator.traffic.model import MINUTES_PER_DAY, Trace, TraceError, Traffic
from simulator.traffic.reading import ReadTrace, read_trace

__all__ = [
    "GET_METRIC_DATA",
    "MINUTES_PER_DAY",
    "ReadTrace",
    "Trace",
    "TraceError",
    "Traffic",
    "generated_day",
    "read_trace",
]
