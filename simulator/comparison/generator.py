"""Generated traffic, from which the corpus is made: that of `simulator.traffic.generator`."""

from simulator.traffic.generator import DAYS, MEAN_SHARDS, generate

__all__ = ["DAYS", "MEAN_SHARDS", "generate"]
