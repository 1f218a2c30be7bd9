"""A test bench for changes of a configuration: real Terraform, real provider, a local AWS."""

from __future__ import annotations

import json
import re
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from moto.kinesis.models import kinesis_backends

from simulator.deployment.terraform import WorkingCopy, cli_environment, find_terraform
from simulator.local_aws import LocalAWS, Transport
from simulator.local_aws.environment import with_aws
from simulator.traffic import Traffic
from tests.provider import FAST, running_provider

NOTHING: Mapping[str, str] = {}
"""The changes of an empty plan."""


@dataclass
class Outcome:
    """The result of a plan, an apply or a destroy.

    Attributes:
        touched: the planned changes by address: "create", "update", "delete", "replace", "import" …
        done: the completed changes by address.
        drift: the changes outside of Terraform, by address.
        errors: summary and detail of each error.
        outputs: outputs of the root that would change, by name.
        read_later: data sources that could not be read during the plan.

    """

    touched: dict[str, str] = field(default_factory=dict)
    done: dict[str, str] = field(default_factory=dict)
    drift: dict[str, str] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)
    read_later: set[str] = field(default_factory=set)

    @classmethod
    def read(cls, lines: str) -> Self:
        """Read a command's output under -json."""
        outcome = cls()
        for message in map(json.loads, filter(lambda line: line.startswith("{"), lines.splitlines())):
            outcome._take(message)
        return outcome

    def _take(self, message: Mapping[str, Any]) -> None:
        change = message.get("change", {})
        address = change.get("resource", {}).get("addr", "")
        match message["type"]:
            case "planned_change" if change["action"] == "read":
                self.read_later.add(address)
            case "planned_change" if change["action"] != "noop":
                self.touched[address] = change["action"]
            case "apply_complete" if message["hook"]["action"] != "read":
                self.done[message["hook"]["resource"]["addr"]] = message["hook"]["action"]
            case "resource_drift":
                self.drift[address] = change["action"]
            case "outputs":
                self.outputs |= {
                    name: each["action"]
                    for name, each in message["outputs"].items()
                    if each.get("action", "noop") != "noop"
                }
            case "diagnostic" if message["diagnostic"]["severity"] == "error":
                told = message["diagnostic"]
                self.errors.append(f"{told.get('address', '')} {told['summary']}: {told.get('detail', '')}")

    def touched_of(self, part: str) -> dict[str, str]:
        """Return the changes of a part of the configuration, which is a part of the addresses."""
        return {address: action for address, action in self.touched.items() if part in address}

    def errors_of(self, part: str) -> list[str]:
        """Return the errors of a part of the configuration."""
        return [error for error in self.errors if part in error]


@dataclass
class Life:
    """One apply of a changed configuration, and the plan after it."""

    apply: Outcome
    then: Outcome

    @property
    def left(self) -> dict[str, str]:
        """What one apply left: its errors, and the changes of the next plan. Empty if one apply was enough."""
        errors = dict.fromkeys(self.apply.errors + self.then.errors, "error")
        return {**errors, **self.then.touched, **self.then.outputs}


class Root:
    """A root module next to the working copy of this repository. `source = "../.."` is the autoscaler."""

    def __init__(self, bench: Bench, directory: Path) -> None:
        """Work in an existing directory."""
        self.directory = directory
        self._bench = bench
        self._calls: dict[str, str] = {}

    def write(self, text: str) -> None:
        """Replace the configuration, and install its modules."""
        (self.directory / "main.tf").write_text(text)
        calls = dict(re.findall(r'^module "([\w-]+)" \{\s+source\s+= "([^"]+)"', text, re.MULTILINE))
        if calls != self._calls:  # Terraform must initialize again after a change of module calls only
            self.init()
            self._calls = calls

    def init(self) -> None:
        """Run `terraform init`."""
        code, told = self.terraform("init", "-no-color")
        assert code == 0, told
        self._bench.start_provider(self.directory)

    def live(self, text: str | None = None, *options: str, minutes_pass: bool = False) -> Life:
        """Change the configuration, apply it, and plan it again."""
        if text is not None:
            self.write(text)
        return Life(self.apply(*options, minutes_pass=minutes_pass), self.plan())

    def plan(self, *options: str) -> Outcome:
        """Run `terraform plan`."""
        return Outcome.read(self.terraform("plan", "-json", *options)[1])

    def apply(self, *options: str, minutes_pass: bool = False) -> Outcome:
        """Run `terraform apply`. `minutes_pass`: for a change that takes AWS minutes, for which the provider waits."""
        with self._bench.minutes_passing() if minutes_pass else ExitStack():
            return Outcome.read(self.terraform("apply", "-auto-approve", "-json", *options)[1])

    def destroy(self, *options: str) -> Outcome:
        """Run `terraform destroy`."""
        return Outcome.read(self.terraform("destroy", "-auto-approve", "-json", *options)[1])

    def terraform(self, *arguments: str) -> tuple[int, str]:
        """Run any command. Return its status and its output."""
        done = subprocess.run(
            [self._bench.binary, *arguments],
            cwd=self.directory,
            env=self._bench.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout


class Bench:
    """One local AWS and one working copy of the repository, for any number of roots."""

    def __init__(self, aws: LocalAWS, copy: Path, stack: ExitStack) -> None:
        """Create roots in this copy of the repository. `stack` stops what they start."""
        self.aws = aws
        self.repository = copy
        self.traffic: dict[str, float] = {}
        """The traffic of each stream, in shards."""
        self.binary = find_terraform()
        self._stack = stack
        self.environment = {**with_aws(aws.environment), **FAST, **cli_environment(copy)}

    def root(self, name: str, text: str) -> Root:
        """Return a new root module with this configuration."""
        directory = self.repository / "lives" / name
        directory.mkdir(parents=True)
        root = self.existing_root(directory)
        root.write(text)
        return root

    def existing_root(self, directory: Path) -> Root:
        """Return an existing root, two levels deep in the copy."""
        return Root(self, directory)

    def start_provider(self, directory: Path) -> None:
        """Start the provider that the first root has installed. It serves all roots."""
        if "TF_REATTACH_PROVIDERS" not in self.environment:
            self.environment |= self._stack.enter_context(running_provider(directory, self.environment))

    def pass_minutes(self, minutes: int) -> None:
        """Simulate minutes, with the current traffic."""
        for _ in range(minutes):
            present = kinesis_backends[self.aws.account_id][self.aws.region].streams
            self.aws.advance_minute(
                {name: Traffic.for_shards(shards) for name, shards in self.traffic.items() if name in present}
            )

    def pass_minutes_until(self, reached: Callable[[], bool], limit: int = 60) -> None:
        """Simulate minutes until a condition is true, at most this many."""
        while not reached():
            limit -= 1
            assert limit, "it never came to that"
            self.pass_minutes(1)

    @contextmanager
    def minutes_passing(self) -> Iterator[None]:
        """Simulate a minute every second, in the background."""
        over = threading.Event()

        def pass_them() -> None:
            while not over.wait(1):
                self.pass_minutes(1)

        passing = threading.Thread(target=pass_them)
        passing.start()
        try:
            yield
        finally:
            over.set()
            passing.join()

    def shards(self, stream: str) -> int:
        """Return the open shards of a stream."""
        return self.aws.streams.model(stream).shard_count(self.aws.clock.now())


@contextmanager
def bench(**options: Any) -> Iterator[Bench]:
    """Create a bench. `options` are those of LocalAWS. Everything is removed at the end, destroyed or not."""
    with LocalAWS(Transport.HTTP, **options) as aws, WorkingCopy(".") as copy, ExitStack() as stack:
        yield Bench(aws, copy.directory.resolve(), stack)
