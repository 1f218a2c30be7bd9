"""Keeps every provisioned Kinesis Data Stream at the right number of shards.

`handler` is the door, `decision` the pure heart. Arrows point inwards only, and adapters do not know each other:
handler → reconciliation → scaling, rounds → change → observation, resharding →
alarms, streams, metrics, audit, consumers, reporting →
lifecycle, occasions, heads, items → alarm, events, settings, clients, decision → unknown_fields → model.
"""
