"""The inputs of modules/stream as flags of a command line, read from the module itself so that they cannot drift.

Names, types, defaults and descriptions are those of modules/stream/variables.tf; what belongs to an object has the
object's name before its own: `scale_up = { threshold = 0.8 }` is `--scale-up-threshold 0.8`. Left out are the inputs
that are about the stream's surroundings rather than about its scaling.
"""

from __future__ import annotations

import argparse
import json
import re
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import hcl2
from hcl2 import SerializationOptions

from simulator.terraform import REPOSITORY

_VARIABLES = REPOSITORY / "modules" / "stream" / "variables.tf"
_SURROUNDINGS = {"autoscaler", "stream_name", "consumer_functions", "enabled", "dashboard_enabled", "tags"}
_PLAIN = SerializationOptions(with_comments=False, preserve_heredocs=False, strip_string_quotes=True)
_ATTRIBUTE = re.compile(r"(\w+) = optional\((\w+), ([^()]+)\)")
_BULLET = re.compile(r"^\s*- `(\w+)`: (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Input:
    """An input of the module, or an attribute of one that is an object.

    Attributes:
        path: its name; of an attribute, the object's name and its own.
        type: as Terraform has it: number, string or bool.
        description: the module's.
        default: the module's; None is Terraform's null.
        is_required: whether it has no default.
        is_nullable: whether null is a value of it.

    """

    path: tuple[str, ...]
    type: str
    description: str
    default: object = None
    is_required: bool = False
    is_nullable: bool = False

    @property
    def name(self) -> str:
        """Its name, as one word: `scale_up_threshold`."""
        return "_".join(self.path)

    @property
    def flag(self) -> str:
        """Its flag: `--scale-up-threshold`."""
        return "--" + self.name.replace("_", "-")


@cache
def module_inputs() -> tuple[Input, ...]:
    """Every input that says how a stream is scaled, in the module's order."""
    with _VARIABLES.open() as file:
        variables = hcl2.load(file, serialization_options=_PLAIN)["variable"]
    named = [entry for variable in variables for entry in variable.items()]
    return tuple(each for name, body in named if name not in _SURROUNDINGS for each in _inputs(name, body))


def add_setting_flags(parser: argparse.ArgumentParser, *, all_optional: bool = False) -> None:
    """Add a flag for each input; what is not given is the module's default.

    With `all_optional` nothing needs to be given, even where the module has no default.
    """
    group = parser.add_argument_group("settings", "the inputs of modules/stream")
    for each in module_inputs():
        about = each.description.replace("%", "%%")
        if not each.is_required:
            about += f" (default: {json.dumps(each.default)})"
        options: dict[str, Any] = {"dest": each.name, "default": None, "help": about}
        if each.type == "bool":
            group.add_argument(each.flag, action=argparse.BooleanOptionalAction, **options)
        elif each.type == "number":
            number = partial(_number, is_nullable=each.is_nullable)
            group.add_argument(
                each.flag, type=number, metavar="N", required=each.is_required and not all_optional, **options
            )
        else:
            group.add_argument(each.flag, metavar="NAME", required=each.is_required and not all_optional, **options)


def inputs(arguments: argparse.Namespace) -> dict[str, Any]:
    """What the flags say, as `simulator.deployment.add_stream` takes it: only what was given, objects in part."""
    chosen: dict[str, Any] = {}
    for each in module_inputs():
        value = getattr(arguments, each.name)
        if value is not None:
            *objects, name = each.path
            holder = chosen.setdefault(objects[0], {}) if objects else chosen
            holder[name] = None if value is _NULL else value
    return chosen


_NULL = object()
"""Terraform's null as the value of a flag, which is None where the flag is not given."""


def _number(text: str, *, is_nullable: bool) -> object:
    if is_nullable and text == "null":
        return _NULL
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not abs(value) < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number{' or null' if is_nullable else ''}")
    return int(value) if value.is_integer() else value


def _inputs(name: str, body: dict[str, Any]) -> list[Input]:
    description = body["description"].strip()
    attributes = _ATTRIBUTE.findall(body["type"])
    if not attributes:
        return [
            Input(
                (name,),
                body["type"],
                description,
                default=body.get("default"),
                is_required="default" not in body,
                is_nullable=body.get("nullable", True),
            )
        ]
    about = dict(_BULLET.findall(description))
    return [
        Input((name, attribute), type_, about[attribute], default=json.loads(default))
        for attribute, type_, default in attributes
    ]
