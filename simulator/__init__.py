"""Kinesis and CloudWatch as their documentation describes them, on a virtual clock: for development only."""
