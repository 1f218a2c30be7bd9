"""Commands with any file and any flags do their work or refuse with a sentence. They never crash."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout, suppress
from itertools import count
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulator import __main__ as command_line
from simulator.commands import advise, benchmark, compare, demo, fleet, function_figures, replay
from simulator.deployment.module_inputs import module_inputs
from simulator.deployment.terraform import TerraformError
from simulator.reports import benchmark_page
from simulator.traffic import Trace, TraceError, read_trace
from tests.faults.effort import SOAK, effort
from tests.unit.simulator.traffic.files import answer, both, totals, values

EXAMPLES = effort(50)
KNOWN = {0, 1, 2, 130}
"""Exit statuses: success; a refusal or an unmet condition; a wrong flag; an interrupt."""

NUMBERS = st.one_of(
    st.integers(-(10**20), 10**20).map(str),
    st.floats().map(str),
    st.sampled_from(
        ["0", "-1", "1", "64", "20000", "1e400", "nan", "inf", "-inf", "null", "", "many", "0.7", "1_000", "９"]
    ),
)
CELLS = st.one_of(
    NUMBERS, st.text(max_size=12), st.datetimes().map(str), st.sampled_from(["1.5 MiB", '"', "1,5", "2026-10-05"])
)
LEAVES = st.one_of(st.none(), st.booleans(), st.floats(), st.integers(), st.text(max_size=8))
DOCUMENTS = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "MetricDataResults",
                    "Id",
                    "Label",
                    "Timestamps",
                    "Values",
                    "StatusCode",
                    "Messages",
                    "NextToken",
                    "Stream",
                    "Settings",
                    "Name",
                    "Period",
                    "timestamp",
                    "value",
                    "bytes",
                    "target",
                    "datapoints",
                    "schema",
                    "fields",
                    "data",
                    "results",
                    "frames",
                    "values",
                    "name",
                    "type",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
HEADERS = st.sampled_from(
    ["timestamp,value", "timestamp,bytes,records", "Time;IncomingBytes", "a,b", "Full label,IncomingBytes"]
)
VALID = [
    values(minutes=range(90)),
    totals(5, minutes=range(0, 200, 5)),
    answer(*both(dict.fromkeys(range(0, 60, 5), 60000000.0))),
    answer(*both({0: 1, 1: 2}), Stream={"Name": "orders", "OpenShardCount": 3, "Settings": {"max_shard_count": 9}}),
]


@st.composite
def tables(draw):
    rows = draw(st.lists(st.lists(CELLS, max_size=4).map(",".join), max_size=6))
    return "\n".join([draw(HEADERS), *rows])


@st.composite
def damaged(draw):
    """A readable file with a part removed, inserted or replaced."""
    text = draw(st.sampled_from(VALID))
    begin = draw(st.integers(0, len(text)))
    end = draw(st.integers(begin, min(begin + 30, len(text))))
    return text[:begin] + draw(st.one_of(CELLS, st.just(""))) + text[end:]


FILES = st.one_of(
    st.binary(max_size=200),
    *(kind.map(lambda text: text.encode("utf-8", "replace")) for kind in (st.text(max_size=200), tables(), damaged())),
    DOCUMENTS.map(lambda document: json.dumps(document).encode()),
    st.sampled_from(VALID).map(str.encode),
)
SETTINGS = "the settings' flags"
"""Stands for all of them, which are read from the module's code."""
FLAGS = {
    "replay": ["--mean-shards", "--shards", "--reshard-seconds", "--metric-delay-seconds", "--key-skew", "--days",
               "--reconcile-interval-minutes", "--preset", "--sample", "--region", SETTINGS],
    "compare": ["--mean-shards", "--days", "--preset", "--sample", "--profile", SETTINGS],
    "advise": ["--mean-shards", "--days", "--sample", "--region", "--throttling", "--shared-readers",
               "--fan-out-readers", "--retention-hours", SETTINGS],
    "demo": ["--mean-shards", "--days", "--stream"],
    "benchmark": ["--days", "--seeds", "--sections", "--page", "--traces"],
    "fleet": ["--streams", "--sweep", "--concurrency"],
    "function": ["--starts"],
}  # fmt: skip


def flags_of(command):
    settings_flags = [each.flag for each in module_inputs()]
    return [flag for each in FLAGS[command] for flag in (settings_flags if each == SETTINGS else [each])]


@st.composite
def invocations(draw):
    command = draw(st.sampled_from(sorted(FLAGS)))
    flags = draw(st.lists(st.tuples(st.sampled_from(flags_of(command)), NUMBERS), max_size=3))
    return command, [f"{flag}={value}" for flag, value in flags]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("files")


def outcome(arguments):
    """Run the command line without the heavy work. Return its status, its output, and whether the work had begun."""
    out, err = io.StringIO(), io.StringIO()
    reached = [
        patch.object(replay, "LocalAWS", side_effect=TerraformError("work")),
        patch.object(compare, "outcomes", side_effect=TerraformError("work")),
        patch.object(advise, "advise", side_effect=TerraformError("work")),
        patch.object(demo, "LocalAWS", side_effect=TerraformError("work")),
        patch.object(benchmark_page, "serve", side_effect=TerraformError("work")),
        patch.object(benchmark, "with_sections", side_effect=TerraformError("work")),
        patch.object(fleet, "_both", side_effect=TerraformError("work")),
        patch.object(function_figures, "measure", side_effect=TerraformError("work")),
        patch.object(sys, "argv", ["simulator", *arguments]),
        redirect_stdout(out),
        redirect_stderr(err),
    ]
    for each in reached:
        each.__enter__()
    try:
        status = command_line.main()
    except SystemExit as stop:
        status = stop.code
    finally:
        for each in reversed(reached):
            each.__exit__(None, None, None)
    return status, err.getvalue()


NUMBER = count()


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(content=FILES, invocation=invocations(), is_json=st.booleans())
def test_no_file_and_no_flag_breaks_a_command(folder, content, invocation, is_json):
    command, flags = invocation
    traces = folder / f"traces-{next(NUMBER)}"
    traces.mkdir()
    path = traces / f"orders.{'json' if is_json else 'csv'}"
    path.write_bytes(content)
    output = ["--output", str(folder / "out")]
    named = {name: [str(path), *output] for name in ("replay", "compare", "advise")} | {
        "demo": ["--trace", str(path), *output]
    }
    status, said = outcome([command, *named.get(command, []), *flags])
    path.unlink()
    traces.rmdir()
    assert status in KNOWN
    if status in {1, 2}:
        assert said.strip(), "refused without a word"
        assert "Traceback" not in said
        if status == 1:
            assert len(said.partition("\naws ")[0]) < 600


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(content=FILES)
def test_a_file_gives_a_trace_of_plausible_traffic_or_is_refused(folder, content):
    path = folder / "orders.csv"
    path.write_bytes(content)
    try:
        read = read_trace(path)
    except TraceError:
        return
    assert isinstance(read.trace, Trace)
    shards = np.array([load.shards for load in read.trace.minutes])
    assert np.isfinite(shards).all()
    assert (shards >= 0).all()
    assert 0 < len(shards) <= 401 * 1440
    assert "\n" not in read.summary


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "Give exactly one source of traffic: a FILE, --stream NAME"),
        (["x.csv", "--sample", "shop"], "Give exactly one source of traffic"),
        (["x.csv", "--days", "3"], "--days belongs to --stream"),
        (["--sample", "shop", "--region", "eu-west-1"], "--region belongs to --stream"),
        (["--sample", "shop", "--output", "/proc/nowhere"], "Nothing can be written to '/proc/nowhere'"),
        (["--sample", "shop", "--output", "/dev/null/x"], "Nothing can be written to '/dev/null/x': Not a directory"),
    ],
)
@pytest.mark.parametrize("command", ["replay", "compare", "advise"])
def test_traffic_and_output_that_cannot_be_are_refused_before_the_work(command, arguments, complaint):
    status, said = outcome([command, *arguments])
    assert status == 1
    assert complaint in said


def test_a_bound_is_asked_for_where_nothing_knows_it(folder):
    path = folder / "plain.csv"
    path.write_text(VALID[0])
    status, said = outcome(["replay", str(path), "--output", str(folder)])
    assert status == 1
    assert "--max-shard-count is required" in said
    path.write_text(VALID[3])
    assert outcome(["replay", str(path), "--output", str(folder)]) == (1, "work\n")


MOMENTS = [
    ("replay --sample shop", 0.7),
    ("demo", 5),
    ("replay --sample shop", 6),
    ("advise --sample shop", 5),
    ("demo", 2),
]
"""Commands, and after how many seconds they are interrupted: while they load, and while they work."""


@pytest.mark.parametrize(("command", "after"), MOMENTS if SOAK else MOMENTS[:2])
def test_ctrl_c_ends_a_command_in_a_word_at_whatever_moment_it_comes(command, after, tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "simulator", *command.split(), "--output", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        time.sleep(after)
        os.killpg(process.pid, signal.SIGINT)  # like a terminal: to every process of the command
        told, _ = process.communicate(timeout=60)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert "Traceback" not in told, told
    assert process.returncode in (0, 130, -signal.SIGINT), told
