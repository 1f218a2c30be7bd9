"""The question before a run, the folders that it may use, and its requirements."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import fields
from datetime import UTC, datetime, timedelta

import boto3
import hcl2
import pytest
from botocore import session

from acceptance import consent, measurements, policy, root
from acceptance import line as command_line
from acceptance.account import Account, connect
from acceptance.errors import AcceptanceError, TimedOutError
from acceptance.measurements import Measurements
from acceptance.root import REPOSITORY, Run
from acceptance.waiting import Waiting
from simulator.aws.assumptions import ASSUMED, count_after, measured
from simulator.aws.prices import US_EAST_1
from simulator.deployment.terraform import find_terraform
from simulator.local_aws import LocalAWS
from tests.acceptance.recorded import SETTINGS
from tests.world import _one_loader


@pytest.fixture(autouse=True)
def quick_sessions(monkeypatch):
    monkeypatch.setattr(session, "create_loader", _one_loader)


NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


def account(region: str, endpoint_url: str | None = None) -> Account:
    session = boto3.Session("key", "secret", region_name=region)
    partition = session.get_partition_for_region(region)
    return Account(
        session, region, partition, "123456789012", f"arn:{partition}:iam::123456789012:user/me", endpoint_url
    )


# --- Consent


def test_consent_names_account_region_time_and_cost():
    said = consent.statement(account("us-east-1"), "kinesis-acceptance-0123abcd")

    assert "account 123456789012, region us-east-1 (partition aws), as arn:aws:iam::123456789012:user/me." in said
    assert "about 60 minutes" in said
    assert f"at most ${consent.cost().total:.2f}" in said
    assert "destroys everything at the end" in said


def test_it_costs_well_under_a_dollar_and_the_docs_say_how_much():
    assert 0.05 < consent.cost().total < 0.5
    page = (REPOSITORY / "docs" / "acceptance.md").read_text()
    assert f"<!-- cost -->${consent.cost().total:.2f}<!-- -->" in page


@pytest.mark.parametrize(
    ("region", "said"),
    [
        ("us-east-1", f"(prices of {US_EAST_1.date})"),
        ("eu-west-1", "those of eu-west-1 are not known here, and may be up to twice as high"),
        ("us-gov-west-1", "those of us-gov-west-1 are not known here"),
        ("cn-north-1", "those of cn-north-1 are in yuan, and not known here"),
    ],
)
def test_prices_that_are_not_known_are_said_not_to_be(region, said):
    assert said in consent.price(region)


def test_another_server_than_aws_is_named():
    assert "This is not AWS but http://127.0.0.1:5000." in consent.statement(
        account("us-east-1", "http://127.0.0.1:5000"), "x"
    )


@pytest.mark.parametrize("answer", ["no", "", "y", "YES"])
def test_whatever_is_not_yes_begins_nothing(monkeypatch, tmp_path, capsys, answer):
    with LocalAWS():
        monkeypatch.setattr("rich.console.Console.input", lambda *_: answer)
        assert command_line.main(["--work-folder", str(tmp_path / "run")]) == 2
    assert "Nothing was started; use --yes to agree beforehand." in capsys.readouterr().out
    assert not (tmp_path / "run").exists()


def test_without_a_terminal_nothing_begins(monkeypatch, tmp_path, capsys):
    def no_terminal(*_) -> str:
        raise EOFError

    with LocalAWS():
        monkeypatch.setattr("rich.console.Console.input", no_terminal)
        assert command_line.main(["--work-folder", str(tmp_path / "run")]) == 2


# --- Where it runs


@pytest.mark.parametrize(
    ("region", "partition"), [("eu-west-1", "aws"), ("us-gov-east-1", "aws-us-gov"), ("cn-northwest-1", "aws-cn")]
)
def test_aws_is_known_by_its_addresses_in_every_partition(region, partition):
    there = account(region)
    assert (there.partition, there.is_aws) == (partition, True)


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_KINESIS", "AWS_ENDPOINT_URL_CLOUDWATCH"])
def test_another_server_is_never_taken_for_aws_however_it_was_given(monkeypatch, variable):
    monkeypatch.setenv(variable, "http://localhost:4566")
    assert not account("us-east-1").is_aws
    assert not account("us-east-1", "https://amazonaws.com.example.org").is_aws


def test_a_missing_region_is_asked_for(monkeypatch, capsys):
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    assert command_line.main(["--yes"]) == 2
    assert "use --region, or set AWS_REGION" in capsys.readouterr().out


def test_a_profile_goes_before_keys_of_the_environment(monkeypatch, tmp_path):
    (tmp_path / "config").write_text("[profile sandbox]\nregion = eu-west-1\n")
    (tmp_path / "credentials").write_text("[sandbox]\naws_access_key_id = a\naws_secret_access_key = b\n")
    with LocalAWS():
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
        found = connect(region="us-east-1", profile="sandbox", endpoint_url=None)
    assert found.environment["AWS_PROFILE"] == "sandbox"
    assert "AWS_ACCESS_KEY_ID" not in found.environment
    assert found.environment["AWS_REGION"] == "us-east-1"


# --- The root


def test_the_root_is_the_module_beside_it_with_names_of_its_own(tmp_path):
    run = Run.begin("us-east-1", "123456789012")
    run.write(tmp_path / "run")
    parsed = hcl2.loads((tmp_path / "run" / "main.tf").read_text())

    [autoscaler, scaling] = [body for block in parsed["module"] for body in block.values()]
    source = autoscaler["source"].strip('"')
    assert (tmp_path / "run" / source).resolve() == REPOSITORY
    assert source.startswith("..")
    assert scaling["source"].strip('"') == f"{source}/modules/stream"
    assert re.fullmatch(r"kinesis-acceptance-[0-9a-f]{8}", run.name)
    assert run.name != Run.begin("us-east-1", "123456789012").name
    assert Run.read(tmp_path / "run") == run


def test_the_root_is_written_as_terraform_formats_it(tmp_path):
    Run.begin("us-east-1", "123456789012").write(tmp_path / "run")
    command = [find_terraform(), "fmt", "-check", "-diff", tmp_path / "run"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_recorded_walk_has_the_settings_of_the_root(tmp_path):
    Run.begin("us-east-1", "123456789012").write(tmp_path / "run")
    parsed = hcl2.loads((tmp_path / "run" / "main.tf").read_text())
    scaling = parsed["module"][1]['"scaling"' if '"scaling"' in parsed["module"][1] else "scaling"]

    def plain(value):
        return {name: each for name, each in value.items() if not name.startswith("__")}

    given = {name: plain(scaling[name]) if isinstance(scaling[name], dict) else scaling[name] for name in SETTINGS}
    assert {**given, "foresight": given["foresight"].strip('"')} == SETTINGS


def test_a_folder_with_something_left_in_it_is_not_written_to(tmp_path):
    run = Run.begin("us-east-1", "123456789012")
    run.write(tmp_path)
    run.write(tmp_path)  # nothing was applied
    (tmp_path / "terraform.tfstate").write_text('{"resources": [{}]}')
    with pytest.raises(AcceptanceError, match="python -m acceptance destroy --work-folder"):
        run.write(tmp_path)


def test_destroy_wants_to_know_which_run(capsys, tmp_path):
    assert command_line.main(["destroy"]) == 2
    assert "--work-folder" in capsys.readouterr().out
    assert command_line.main(["destroy", "--work-folder", str(tmp_path)]) == 2
    assert "holds no run of acceptance" in capsys.readouterr().out


def test_a_run_is_not_looked_for_in_another_account(capsys, tmp_path):
    Run.begin("us-east-1", "210987654321").write(tmp_path)
    with LocalAWS():
        assert command_line.main(["destroy", "--work-folder", str(tmp_path)]) == 2
    assert "This run is in account 210987654321, but your credentials belong to 123456789012" in capsys.readouterr().out


# --- Waits


class Seconds:
    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


def test_a_wait_ends_at_its_bound_and_says_what_it_was_for():
    shown: list[str] = []
    waiting = Waiting(Seconds(), shown.append)
    with pytest.raises(TimedOutError, match=r"Timed out after 2 minutes while waiting for the moon to be full\."):
        waiting.until("the moon to be full", lambda: None, timedelta(minutes=2))
    assert shown[0] == "waiting for the moon to be full (0:00 of at most 2:00)"
    assert shown[-1] == "waiting for the moon to be full (2:00 of at most 2:00)"


# --- What was measured


def taken() -> Measurements:
    result = Measurements()
    result.take_seconds("metric_delay_seconds", [62.0, 75.0, 70.0], NOW)
    result.take("refusal_double", "InvalidArgumentException", "InvalidArgumentException: a | b", NOW)
    return result


def test_the_page_has_every_assumption_and_no_number_until_somebody_has_measured():
    page = measurements.PAGE.read_text()
    names = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)

    assert names == list(measurements.subjects())
    assert {each.name for each in fields(ASSUMED)} <= set(names)
    for name, (what, assumed, ground) in measurements.subjects().items():
        [row] = re.findall(rf"^\| `{name}` \|.*$", page, re.MULTILINE)
        assert f"| {what} | {assumed} | {ground} |" in row
        value, when = (cell.strip() for cell in re.split(r"(?<!\\)\|", row)[5:7])
        assert value in (measurements.NOT_YET, measurements.NO_STEP) or re.search(
            r"\d{4}-\d\d-\d\d .* UTC, [a-z-]+-\d", when
        )


def test_what_was_measured_on_aws_gets_onto_the_page_beside_what_was_measured_before(tmp_path):
    page = tmp_path / "measured.md"
    page.write_text(measurements.PAGE.read_text())
    later = Measurements()
    later.take("runtime_botocore", "1.40.1", "botocore 1.40.1, boto3 1.40.1", NOW)

    assert measurements.keep(taken(), where="eu-west-1", is_aws=True, page=page)
    assert measurements.keep(later, where="us-east-1", is_aws=True, page=page)

    text = page.read_text()
    assert "| p50 70 s, p90 75 s, p99 75 s, 62 to 75 s, 3 times | 2026-11-26 12:00 UTC, eu-west-1 |" in text
    assert r"| InvalidArgumentException: a \| b | 2026-11-26 12:00 UTC, eu-west-1 |" in text
    assert "| botocore 1.40.1, boto3 1.40.1 | 2026-11-26 12:00 UTC, us-east-1 |" in text
    assert text.count("\n") == measurements.PAGE.read_text().count("\n")


def test_what_was_measured_elsewhere_does_not(tmp_path):
    page = tmp_path / "measured.md"
    page.write_text(measurements.PAGE.read_text())
    assert not measurements.keep(taken(), where="us-east-1", is_aws=False, page=page)
    assert page.read_text() == measurements.PAGE.read_text()


def test_measured_values_take_the_place_of_the_simulators_assumptions(tmp_path):
    result = taken()
    result.take("count_while_updating", "after", "2, from 1 to 2", NOW)
    result.take("reports_when_idle", "nothing", "nothing", NOW)
    result.take("reshard_seconds", 41.0, "41 s", NOW)
    result.write(tmp_path / "measurements.json")
    read = json.loads((tmp_path / "measurements.json").read_text())["taken"]

    found = measured({name: each["value"] for name, each in read.items()})

    assert found.metric_delay_seconds == 70
    assert found.count_while_updating is count_after
    assert found.reports_when_idle is False
    assert found.update_seconds(1, 2) == 41
    assert found.split_seconds == ASSUMED.split_seconds


def test_only_what_is_on_the_page_can_be_measured():
    with pytest.raises(KeyError, match="weather"):
        Measurements().take("weather", 1, "fine", NOW)


# --- What it needs


def test_the_policy_file_is_what_the_command_prints(capsys):
    file = (REPOSITORY / "acceptance" / "policy.json").read_text()
    assert command_line.main(["policy"]) == 0
    assert capsys.readouterr().out == file
    assert json.loads(file) == json.loads(policy.document("aws"))
    assert len(json.dumps(json.loads(file), separators=(",", ":"))) < 6144  # the maximum size of a managed policy


@pytest.mark.parametrize(("region", "partition"), [("us-gov-west-1", "aws-us-gov"), ("cn-north-1", "aws-cn")])
def test_the_policy_is_there_for_other_partitions(capsys, region, partition):
    assert command_line.main(["policy", "--region", region]) == 0
    arns = re.findall(r'"(arn:[^"]+)"', capsys.readouterr().out)
    assert {arn.split(":")[1] for arn in arns} == {partition}


def test_only_what_knows_no_resources_or_lists_them_is_allowed_everywhere():
    for statement in policy.statements("aws"):
        if "*" in statement["Resource"]:
            assert set(statement["Action"]) == {
                "cloudwatch:GetMetricData",
                "iam:ListRoles",
                "kinesis:DescribeLimits",
                "logs:DeleteQueryDefinition",
                "logs:DescribeLogGroups",
                "logs:DescribeQueryDefinitions",
                "logs:PutQueryDefinition",
                "sns:GetSubscriptionAttributes",
                "sns:Unsubscribe",
            }
        elif statement["Sid"] != "ListAlarms":
            assert all(root.PREFIX in each or root.ROLE_PATH in each for each in statement["Resource"])


def test_the_workflow_gives_flags_that_exist_and_destroys_what_a_cancelled_run_has_left():
    text = (REPOSITORY / ".github" / "workflows" / "acceptance.yml").read_text()
    flags = set(re.findall(r"(--[a-z-]+)", text))
    source = (REPOSITORY / "acceptance" / "line.py").read_text()
    assert flags <= set(re.findall(r'"(--[a-z-]+)"', source))
    assert re.search(r"if: cancelled\(\) \|\| failure\(\)\n +run: .*-m acceptance destroy --work-folder", text)
