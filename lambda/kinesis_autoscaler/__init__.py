"""Keeps every provisioned Kinesis Data Stream at the right number of shards.

`handler` is the door, `decision` the pure heart. Arrows point inwards only:
handler → scaling, reconciliation → alarms, streams, metrics, audit, consumers, reporting → decision, outlook, model.
"""
