"""Kinesis and CloudWatch as their documentation describes them, on a virtual clock: for tests, demos and replays only."""
