"""The Terraform block with the advised settings, ready to paste."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from simulator.deployment.module_inputs import module_inputs

SOURCE = "git::https://github.com/OWNER/terraform-aws-kinesis-autoscaler.git//modules/stream?ref=v0.1.0"
"""The same as in the README; a test compares them. OWNER is a placeholder for the owner of the repository."""


def block(stream_name: str, inputs: Mapping[str, Any], taken: Iterable[str] = ()) -> str:
    """A block for a stream, without inputs that have the module's default. `taken` are the names of other blocks."""
    name = identifier(stream_name)
    used = set(taken)
    number = 2
    while f"{name}_scaling" in used:
        name = f"{identifier(stream_name)}_{number}"
        number += 1
    head = {
        "source": json.dumps(SOURCE),
        "autoscaler": "module.kinesis_autoscaler",
        "stream_arn": f"aws_kinesis_stream.{name}.arn",
    }
    own = {name: _written(value) for name, value in _beside_defaults(inputs).items()}
    body = "\n\n".join("\n".join(_aligned(part, "  ")) for part in (head, own) if part)
    return f'module "{name}_scaling" {{\n{body}\n}}\n'


def identifier(stream_name: str) -> str:
    """A stream's name as a Terraform identifier."""
    name = re.sub(r"[^A-Za-z0-9_-]", "_", stream_name)
    return name if re.match(r"[A-Za-z_]", name) else f"stream_{name}"


def _beside_defaults(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs that differ from the module's defaults, in the module's order."""
    chosen: dict[str, Any] = {}
    for each in module_inputs():
        *objects, name = each.path
        holder = inputs.get(objects[0], {}) if objects else inputs
        if name in holder and (each.is_required or holder[name] != each.default):
            (chosen.setdefault(objects[0], {}) if objects else chosen)[name] = holder[name]
    return chosen


def _written(value: object) -> str:
    if isinstance(value, dict):
        return "{\n" + "\n".join(_aligned({key: _written(each) for key, each in value.items()}, "    ")) + "\n  }"
    return json.dumps(value)


def _aligned(entries: Mapping[str, str], indent: str) -> list[str]:
    """Lines of `name = value`, aligned as `terraform fmt` does: the line of an object is not aligned."""
    lines: list[str] = []
    run: list[tuple[str, str]] = []
    for name, value in [*entries.items(), ("", "\n")]:
        if "\n" not in value:
            run.append((name, value))
            continue
        width = max((len(each) for each, _ in run), default=0)
        lines += [f"{indent}{each:{width}} = {text}" for each, text in run]
        run = []
        if name:
            lines.append(f"{indent}{name} = {value}")
    return lines
