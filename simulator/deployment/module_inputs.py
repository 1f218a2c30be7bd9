"""The inputs of modules/stream as command-line flags, read from the module itself so that both stay the same.

Names, types, defaults and descriptions are those of modules/stream/variables.tf. An attribute of an object has the
object's name as prefix: `scale_up = { threshold = 0.8 }` is `--scale-up-threshold 0.8`. Inputs that do not affect
scaling are omitted. The module's validations apply here too: their conditions are computed if they consist of
comparisons, arithmetic, `floor` and `contains`.
"""

from __future__ import annotations

import argparse
import json
import math
import operator
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from types import SimpleNamespace
from typing import Any

import hcl2
from hcl2 import SerializationOptions

from simulator.deployment.terraform import REPOSITORY

_VARIABLES = REPOSITORY / "modules" / "stream" / "variables.tf"
_SURROUNDINGS = {"autoscaler", "stream_arn", "consumer_functions", "enabled", "dashboard_enabled", "tags"}
_PLAIN = SerializationOptions(with_comments=False, preserve_heredocs=False, strip_string_quotes=True)
_ATTRIBUTE = re.compile(r"(\w+) = optional\((\w+), ([^()]+)\)")
_BULLET = re.compile(r"^\s*- `(\w+)`: (.+)$", re.MULTILINE)
_VARIABLE = re.compile(r"\bvar\.(\w+)")
_AS_PYTHON = (
    (r"&&", " and "),
    (r"\|\|", " or "),
    (r"!(?!=)", " not "),
    (r"\(([^()?]+) \? ([^():]+) : ([^()]+)\)", r"((\2) if (\1) else (\3))"),
    (r"^(.+?) \? (.+?) : (.+)$", r"(\2) if (\1) else (\3)"),
)
"""Terraform's operators and their Python form, in the order of replacement. Conditionals are not nested."""
_WORDS = {"true": True, "false": False, "null": None, "floor": math.floor, "contains": operator.contains}


class InvalidInputError(ValueError):
    """A value that the module refuses. The message is the module's, with flags instead of inputs."""


@dataclass(frozen=True)
class Input:
    """An input of the module, or an attribute of an object input.

    Attributes:
        path: its name, or the names of the object and the attribute.
        type: the Terraform type: number, string or bool.
        description: the module's description.
        default: the module's default; None is Terraform's null.
        is_required: whether it has no default.
        is_nullable: whether it accepts null.

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
    """Return every input that affects scaling, in the module's order."""
    return tuple(each for name, body in _variables().items() for each in _inputs(name, body))


@cache
def _variables() -> dict[str, dict[str, Any]]:
    with _VARIABLES.open() as file:
        variables = hcl2.load(file, serialization_options=_PLAIN)["variable"]
    named = {name: body for variable in variables for name, body in variable.items()}
    return {name: body for name, body in named.items() if name not in _SURROUNDINGS}


def add_setting_flags(parser: argparse.ArgumentParser, *, all_optional: bool = False) -> None:
    """Add a flag for each input. Without the flag, the module's default applies.

    With `all_optional`, no flag is required, even if the module has no default.
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


def inputs(arguments: argparse.Namespace, *, base: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the given inputs in the form of `simulator.deployment.add_stream`: objects may be partial.

    With `base`, a dict of inputs, the flags override its values.

    Raises:
        InvalidInputError: the module would refuse an input.

    """
    chosen = {name: dict(value) if isinstance(value, dict) else value for name, value in (base or {}).items()}
    for each in module_inputs():
        value = getattr(arguments, each.name)
        if value is not None:
            *objects, name = each.path
            holder = chosen.setdefault(objects[0], {}) if objects else chosen
            holder[name] = None if value is _NULL else value
    check(chosen)
    return chosen


def known(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs in a file's settings of a stream. Settings that are not inputs of the module are ignored.

    Raises:
        InvalidInputError: a value does not have its input's type.

    """
    chosen: dict[str, Any] = {}
    for each in module_inputs():
        *objects, name = each.path
        given = document.get(objects[0], {}) if objects else document
        if not isinstance(given, dict):
            raise InvalidInputError(f"{objects[0]} is {given!r} and must be an object; read the stream again")
        if name not in given:
            continue
        value = given[name]
        if not (value is None and each.is_nullable) and not _is_of(each.type, value):
            raise InvalidInputError(f"{each.name} is {value!r:.40} and must be a {each.type}; read the stream again")
        (chosen.setdefault(objects[0], {}) if objects else chosen)[name] = value
    return chosen


def _is_of(type_: str, value: object) -> bool:
    if type_ == "number":
        return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < math.inf
    return isinstance(value, bool if type_ == "bool" else str)


def check(chosen: Mapping[str, Any]) -> None:
    """Refuse inputs that the module refuses.

    A rule about an input that has neither a value nor a default is skipped.

    Raises:
        InvalidInputError: the first rule that is violated.

    """
    values = with_defaults(chosen)
    for body in _variables().values():
        for rule in body.get("validation", ()):
            known = values.keys() >= set(_VARIABLE.findall(rule["condition"]))
            if known and not _computed(rule["condition"].removeprefix("${").removesuffix("}"), values):
                raise InvalidInputError(_with_flags(rule["error_message"], values))


def with_defaults(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Return the value of every input, objects as namespaces. Required inputs that are not given are absent."""
    values: dict[str, Any] = {}
    for each in module_inputs():
        *objects, name = each.path
        given = chosen.get(objects[0], {}) if objects else chosen
        if name in given or not each.is_required:
            holder = vars(values.setdefault(objects[0], SimpleNamespace())) if objects else values
            holder[name] = given.get(name, each.default)
    return values


def _computed(condition: str, values: Mapping[str, Any]) -> object:
    """Return the value of a Terraform expression."""
    for pattern, replacement in _AS_PYTHON:
        condition = re.sub(pattern, replacement, condition)
    # The text is the module's own, not a user's.
    return eval(condition.strip(), {"__builtins__": {}}, {**_WORDS, "var": SimpleNamespace(**values)})  # noqa: S307


def _with_flags(message: str, values: Mapping[str, Any]) -> str:
    """Return an error message of the module with flags instead of inputs."""
    message = re.sub(r"\$\{([^}]+)\}", lambda match: str(_computed(match[1], values)), message)
    for each in module_inputs():
        message = re.sub(rf"\b{re.escape('.'.join(each.path))}\b", each.flag, message)
    return message


_NULL = object()
"""The value of a flag that stands for Terraform's null, because None means that the flag is not given."""


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
