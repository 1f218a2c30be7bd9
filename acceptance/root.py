"""The Terraform root of a run, and the folder that contains it with its state."""

from __future__ import annotations

import io
import json
import os
import re
import secrets
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from acceptance.errors import AcceptanceError

REPOSITORY = Path(__file__).resolve().parents[1]
PREFIX = "kinesis-acceptance-"
"""The prefix of every name. acceptance/policy.json allows these names."""
ROLE_PATH = "/kinesis-acceptance/"
"""The path of every role, by which roles can be listed and permitted."""
TAG = "kinesis-autoscaler-acceptance"
"""The tag of every resource that supports tags. Its value is the run's name."""
_NAME = re.compile(rf"{PREFIX}[0-9a-f]{{8}}")

SCALE_UP_THRESHOLD = 0.1
SCALE_UP_MINUTES = 2
SCALE_DOWN_MINUTES = 5

_MAIN = """\
# Written by `python -m acceptance`. `terraform destroy`, here, removes what it has made.
terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.81"
    }
  }
}

variable "name" {
  type = string
}

variable "region" {
  type = string
}

variable "dry_run" {
  type = bool
}

variable "note" {
  type = string
}

provider "aws" {
  region = var.region
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_service_principal" "lambda" {
  service_name = "lambda"
}

locals {
  tags  = { <TAG> = var.name }
  scope = "${var.region}:${data.aws_caller_identity.current.account_id}"
}

module "autoscaler" {
  source = "<REPOSITORY>"
  name   = var.name

  stream_arns                = ["arn:${data.aws_partition.current.partition}:kinesis:${local.scope}:stream/${var.name}"]
  reconcile_interval_minutes = 1
  dry_run                    = var.dry_run
  iam_role_path              = "<ROLE_PATH>"
  log_retention_days         = 1
  audit_retention_days       = 2
  dashboard_enabled          = false
  tags                       = local.tags
}

resource "aws_kinesis_stream" "this" {
  name        = var.name
  shard_count = 1
  tags        = merge(local.tags, { note = var.note })

  lifecycle {
    ignore_changes = [shard_count]
  }
}

module "scaling" {
  source          = "<REPOSITORY>/modules/stream"
  autoscaler      = module.autoscaler
  stream_arn      = aws_kinesis_stream.this.arn
  max_shard_count = 4

  # Windows of minutes, so that a run takes an hour rather than a day, and a tenth of a shard for a full one, so that
  # any line can fill it.
  target_utilization          = 0.08
  calls_reserved_for_scale_up = 0
  foresight                   = "off" # it needs days
  scale_up = {
    threshold           = <THRESHOLD>
    evaluation_periods  = <UP_MINUTES>
    datapoints_to_alarm = <UP_MINUTES>
    cooldown_minutes    = 0
  }
  scale_down = {
    threshold           = 0.04
    period_seconds      = 60
    evaluation_periods  = <DOWN_MINUTES>
    datapoints_to_alarm = <DOWN_MINUTES>
    cooldown_minutes    = 0
  }

  tags = local.tags
}

# What Kinesis refuses, and how long it takes, is tried with a stream that nobody scales.
resource "aws_kinesis_stream" "probe" {
  name        = "${var.name}-probe"
  shard_count = 1
  tags        = local.tags

  lifecycle {
    ignore_changes = [shard_count]
  }
}

# Tells which SDK the runtime has.
resource "aws_lambda_function" "runtime" {
  function_name    = "${var.name}-runtime"
  role             = aws_iam_role.runtime.arn
  filename         = "runtime.zip"
  source_code_hash = filebase64sha256("runtime.zip")
  handler          = "runtime.handler"
  runtime          = "python3.13"
  architectures    = ["arm64"]
  timeout          = 30
  tags             = local.tags
}

# It may do nothing at all, not even write a log.
resource "aws_iam_role" "runtime" {
  name = "${var.name}-runtime"
  path = "<ROLE_PATH>"
  tags = local.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = data.aws_service_principal.lambda.name }
    }]
  })
}

output "stack" {
  value = {
    name                  = var.name
    stream_name           = aws_kinesis_stream.this.name
    probe_name            = aws_kinesis_stream.probe.name
    scale_up_alarm        = module.scaling.scale_up_alarm_name
    scale_down_alarm      = module.scaling.scale_down_alarm_name
    function_name         = module.autoscaler.function_name
    runtime_function_name = aws_lambda_function.runtime.function_name
    topic_arn             = module.autoscaler.topic_arn
    audit_table_name      = module.autoscaler.audit_table_name
    dead_letter_queue_url = module.autoscaler.dead_letter_queue_url
    log_group_name        = module.autoscaler.log_group_name
  }
}
"""

_RUNTIME = """\
import boto3
import botocore


def handler(event, context):
    return {"boto3": boto3.__version__, "botocore": botocore.__version__}
"""


@dataclass(frozen=True)
class Run:
    """One run: its name and place.

    Attributes:
        name: the name of the autoscaler and the stream, and the prefix of all other names.
        region: the region.
        account_id: the account. Resources are searched only there.
        profile: the profile for credentials; None for those of the environment.
        endpoint_url: the endpoint instead of AWS.

    """

    name: str
    region: str
    account_id: str = ""
    profile: str | None = None
    endpoint_url: str | None = None

    @classmethod
    def begin(cls, region: str, account_id: str, profile: str | None = None, endpoint_url: str | None = None) -> Self:
        """Return a run with a unique name."""
        return cls(f"{PREFIX}{secrets.token_hex(4)}", region, account_id, profile, endpoint_url)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Return the run in a folder.

        Raises:
            AcceptanceError: there is none.
        """
        try:
            run = cls(**json.loads((folder / "run.json").read_text()))
        except (OSError, ValueError, TypeError) as problem:
            raise AcceptanceError(f"{folder} holds no run of acceptance: {problem}") from problem
        if not is_of_a_run(run.name):
            raise AcceptanceError(f"{folder / 'run.json'} names {run.name!r}, which is no name of a run.")
        return run

    def default_folder(self) -> Path:
        """The default folder of a run."""
        return REPOSITORY / "build" / "acceptance" / self.name

    def write(self, folder: Path) -> None:
        """Write the root and its files to a folder. They replace a run that left nothing behind.

        Raises:
            AcceptanceError: the folder contains a run with resources, or is not writable.
        """
        if _has_resources(folder / "terraform.tfstate"):
            command = destroy_command(folder)
            raise AcceptanceError(f"{folder} holds a run: destroy it (`{command}`), or give another --work-folder.")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "terraform.tfstate").unlink(missing_ok=True)
            (folder / "main.tf").write_text(_main(folder))
            (folder / "runtime.zip").write_bytes(_archive("runtime.py", _RUNTIME))
            (folder / "run.json").write_text(json.dumps(asdict(self), indent=1) + "\n")
        except OSError as problem:
            raise AcceptanceError(f"{folder} cannot be written to: {problem}") from problem

    @property
    def variables(self) -> Mapping[str, Any]:
        """Return the initial values of the root's variables."""
        return {"name": self.name, "region": self.region, "dry_run": False, "note": "made"}


def _has_resources(state: Path) -> bool:
    """Return whether a state contains resources. An unreadable state may contain some."""
    try:
        return bool(json.loads(state.read_text())["resources"])
    except FileNotFoundError:
        return False
    except (OSError, ValueError, KeyError):
        return True


def is_of_a_run(name: str) -> bool:
    """Return whether this is certainly the name of a run. Nothing else is ever deleted."""
    return _NAME.fullmatch(name) is not None


def destroy_command(folder: Path) -> str:
    """Return the command that removes everything of a run, with the Python that has the required packages."""
    python = Path(sys.executable)
    shown = python.relative_to(REPOSITORY) if python.is_relative_to(REPOSITORY) else python
    return f"{shown} -m acceptance destroy --work-folder {os.path.relpath(folder)}"


def _main(folder: Path) -> str:
    """Return the root. The module's path is relative, because with an absolute path Terraform would copy everything."""
    repository = os.path.relpath(REPOSITORY, folder.resolve())
    replacements = {
        "TAG": TAG,
        "REPOSITORY": Path(repository).as_posix(),
        "ROLE_PATH": ROLE_PATH,
        "THRESHOLD": f"{SCALE_UP_THRESHOLD:g}",
        "UP_MINUTES": str(SCALE_UP_MINUTES),
        "DOWN_MINUTES": str(SCALE_DOWN_MINUTES),
    }
    text = _MAIN
    for name, value in replacements.items():
        text = text.replace(f"<{name}>", value)
    return text


def _archive(name: str, text: str) -> bytes:
    """Return a zip of one file. The same content gives the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        entry = zipfile.ZipInfo(name)  # dated 1980, so that the bytes are the same
        entry.external_attr = 0o644 << 16
        archive.writestr(entry, text)
    return buffer.getvalue()
