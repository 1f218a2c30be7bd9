"""Traffic to replay, generated or read from a file: one `Traffic` for each minute."""

from simulator.traffic.day import generated_day
from simulator.traffic.metric_data import GET_METRIC_DATA
from simulator.traffic.model import MINUTES_PER_DAY, MOST_SHARDS, Trace, TraceError, Traffic
from simulator.traffic.reading import ReadTrace, read_sample, read_stream, read_trace
from simulator.traffic.sample import SAMPLES

__all__ = [
    "GET_METRIC_DATA",
    "MINUTES_PER_DAY",
    "MOST_SHARDS",
    "SAMPLES",
    "ReadTrace",
    "Trace",
    "TraceError",
    "Traffic",
    "generated_day",
    "read_sample",
    "read_stream",
    "read_trace",
]
