"""Keeps every provisioned Kinesis Data Stream at the right number of shards.

`handler` is the entry point, and `decision` is pure. Imports point inwards only, and adapters do not import each other:
handler → reconciliation → scaling, rounds → change → observation, resharding →
alarms, streams, metrics, audit, consumers, reporting →
lifecycle, occasions, heads, items → alarm, events, settings, clients, decision → unknown_fields → model.
"""
