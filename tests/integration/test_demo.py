"""The demonstration, as `make demo` runs it."""

from __future__ import annotations

import io
from argparse import ArgumentParser

import pytest
from rich.console import Console

from simulator.commands import demo
from simulator.deployment.terraform import WorkingCopy
from simulator.local_aws import LocalAWS
from simulator.reports.dashboard_pictures import IMAGES
from simulator.reports.stamp import drawn_from


@pytest.fixture
def demonstrated(one_provider, tmp_path):
    """The demo on its generated day: its result, its output, and the path of the chart."""
    output = io.StringIO()
    parser = ArgumentParser()
    demo.add_arguments(parser)
    satisfied = demo.run(parser.parse_args(["--output", str(tmp_path)]), Console(file=output, width=120))
    return satisfied, output.getvalue(), tmp_path / "day.png"


def test_the_demo_scales_both_streams_both_ways_and_leaves_a_plan_without_changes(demonstrated):
    satisfied, output, chart = demonstrated
    assert satisfied
    for stream_name in ("orders", "clicks"):
        assert f"▲ up    {stream_name}: " in output
        assert f"▼ down  {stream_name}: " in output
        assert f"Scaled {stream_name} from " in output
    assert "No changes. Your infrastructure matches the configuration." in output
    assert "(0 failed)" in output
    assert drawn_from(chart) == drawn_from(IMAGES / "day.png"), "make pictures"
    page = chart.with_suffix(".html").read_text()
    assert "Scaling log of orders" in page
    assert "Scaling log of clicks" in page


@pytest.fixture
def run_command(simulator):
    def run(*arguments):
        done = simulator(*arguments)
        return done.status, done.out + done.err

    return run


def test_a_trace_that_cannot_be_read_is_told_before_anything_starts(run_command, monkeypatch):
    monkeypatch.setattr(LocalAWS, "__enter__", pytest.fail)
    status, output = run_command("demo", "--trace", "no/such/file.csv")
    assert status == 1
    assert "no/such/file.csv cannot be read: No such file or directory" in output


def test_a_missing_terraform_is_told_with_the_way_to_get_it(run_command, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    status, output = run_command("demo")
    assert status == 1
    assert "https://developer.hashicorp.com/terraform/install" in output


def test_ctrl_c_ends_the_demo_with_the_status_that_shells_expect(run_command, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(WorkingCopy, "init", interrupt)
    status, output = run_command("demo")
    assert status == 130
    assert "Stopped." in output
