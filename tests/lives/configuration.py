"""The parts of these tests' configurations, written as a user would write them."""

from __future__ import annotations

from typing import Any

VERSIONS = """
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
"""
PROVIDER = """
provider "aws" {
  region = "us-east-1"
}
"""
AUTOSCALER = """
module "kinesis_autoscaler" {
  source = "../.."
}
"""
IGNORED = "lifecycle {\n    ignore_changes = [shard_count]\n  }"


def root(*blocks: str, provider: str = PROVIDER) -> str:
    """Return a complete configuration."""
    return VERSIONS + provider + "".join(blocks)


def stream(name: str, *arguments: str, shard_count: int = 2, lifecycle: str = IGNORED) -> str:
    """Return a stream. `arguments` are lines of HCL."""
    lines = [f'name        = "{name}"', f"shard_count = {shard_count}", *arguments, lifecycle]
    return f'\nresource "aws_kinesis_stream" "{name}" {{\n' + "".join(f"  {line}\n" for line in lines) + "}\n"


def scaling(name: str, *arguments: str, arn: str | None = None, autoscaler: str = "module.kinesis_autoscaler") -> str:
    """Return the module block that scales the stream."""
    lines = [
        'source          = "../../modules/stream"',
        f"autoscaler      = {autoscaler}",
        f"stream_arn      = {arn or f'aws_kinesis_stream.{name}.arn'}",
        "max_shard_count = 16",
        *arguments,
    ]
    return f'\nmodule "{name}_scaling" {{\n' + "".join(f"  {line}\n" for line in lines) + "}\n"


def scaled(name: str, *arguments: str, **options: Any) -> str:
    """Return a stream and the module block that scales it."""
    return stream(name, *arguments, **options) + scaling(name)


def alarms(*names: str) -> set[str]:
    """Return the addresses of the alarms of these streams."""
    return {
        f"module.{name}_scaling.aws_cloudwatch_metric_alarm.{direction}[0]"
        for name in names
        for direction in ("scale_up", "scale_down")
    }
