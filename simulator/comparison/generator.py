"""Generated traffic for the corpus: that of `simulator.traffic.generator`."""

from simulator.traffic.generator import DAYS, MEAN_SHARDS, generate

__all__ = ["DAYS", "MEAN_SHARDS", "generate"]
