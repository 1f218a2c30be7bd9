"""The search for Terraform and its providers, and the content of a working copy."""

from __future__ import annotations

import stat

import pytest

from simulator.deployment import terraform
from simulator.deployment.terraform import (
    TerraformError,
    TerraformMissingError,
    WorkingCopy,
    cli_environment,
    find_provider_mirror,
    find_terraform,
)


@pytest.fixture
def fake_terraform(tmp_path, monkeypatch):
    def install(script: str):
        binary = tmp_path / "terraform"
        binary.write_text(f"#!/bin/sh\n{script}\n")
        binary.chmod(binary.stat().st_mode | stat.S_IEXEC)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
        return binary

    return install


@pytest.fixture
def no_mirrors(tmp_path, monkeypatch):
    """A machine without a provider mirror, without a CLI configuration and with an empty home."""
    monkeypatch.setattr(terraform, "_MIRROR_ROOTS", ("~/.terraform.d/plugins", "~"))
    monkeypatch.setattr(terraform, "REPOSITORY", tmp_path / "repository")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for variable in ("TF_CLI_CONFIG_FILE", "TF_PLUGIN_CACHE_DIR", "XDG_DATA_DIRS", "XDG_DATA_HOME"):
        monkeypatch.delenv(variable, raising=False)
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def test_terraform_of_version_1_9_is_accepted(fake_terraform):
    binary = fake_terraform("""echo '{"terraform_version": "1.9.0"}'""")
    assert find_terraform() == binary


@pytest.mark.parametrize("version", ["1.8.5", "0.14.11"])
def test_an_older_terraform_is_refused_with_the_way_to_a_newer_one(fake_terraform, version):
    fake_terraform(f"""echo '{{"terraform_version": "{version}"}}'""")
    with pytest.raises(TerraformMissingError, match=r"too old.*https://developer.hashicorp.com/terraform/install"):
        find_terraform()


def test_a_missing_terraform_is_named_with_the_way_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TerraformMissingError, match=r"not found.*https://developer.hashicorp.com/terraform/install"):
        find_terraform()


def test_a_terraform_that_does_not_run_is_refused(fake_terraform):
    fake_terraform("echo broken >&2; exit 1")
    with pytest.raises(TerraformMissingError, match="did not tell its version: broken"):
        find_terraform()


@pytest.mark.parametrize("place", [".terraform.d/plugins", "plugins", "some/plugins"])
def test_a_provider_mirror_is_found(no_mirrors, place):
    mirror = no_mirrors / place
    (mirror / "registry.terraform.io" / "hashicorp" / "aws").mkdir(parents=True)
    assert find_provider_mirror() == mirror


def test_a_mirror_of_other_providers_is_none(no_mirrors):
    (no_mirrors / "plugins" / "registry.terraform.io" / "hashicorp" / "random").mkdir(parents=True)
    assert find_provider_mirror() is None


def test_a_mirror_in_an_xdg_data_directory_is_found(no_mirrors, monkeypatch):
    monkeypatch.setenv("XDG_DATA_DIRS", f"/nowhere:{no_mirrors}/share")
    mirror = no_mirrors / "share" / "terraform" / "plugins"
    (mirror / "registry.terraform.io" / "hashicorp" / "aws").mkdir(parents=True)
    assert find_provider_mirror() == mirror


def test_a_mirror_is_used_for_the_aws_provider_alone(no_mirrors, tmp_path):
    (no_mirrors / "plugins" / "registry.terraform.io" / "hashicorp" / "aws").mkdir(parents=True)
    variables = cli_environment(tmp_path)
    assert variables == {"TF_CLI_CONFIG_FILE": str(tmp_path / "mirror.tfrc")}
    configuration = (tmp_path / "mirror.tfrc").read_text()
    assert f'path = "{no_mirrors}/plugins"' in configuration
    assert 'include = ["registry.terraform.io/hashicorp/aws"]' in configuration
    assert 'exclude = ["registry.terraform.io/hashicorp/aws"]' in configuration


def test_a_configuration_of_the_users_own_stays_in_force(no_mirrors, tmp_path, monkeypatch):
    own = tmp_path / "own.tfrc"
    own.touch()
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(own))
    assert cli_environment(tmp_path) == {}


def test_without_a_mirror_providers_come_from_the_registry_and_are_kept(no_mirrors, tmp_path):
    variables = cli_environment(tmp_path)
    assert variables["TF_PLUGIN_CACHE_DIR"] == str(tmp_path / "repository" / "build" / "terraform-providers")


def test_a_working_copy_has_the_repositorys_modules_and_is_gone_afterwards():
    with WorkingCopy("examples/simple") as copy:
        directory = copy.directory
        assert (directory / "../../modules/stream/main.tf").is_file()
        assert (directory / "../../lambda/package.zip").is_file()
    assert not directory.exists()


def test_a_command_that_fails_is_an_error_with_its_output(fake_terraform):
    fake_terraform(
        """[ "$1" = version ] && echo '{"terraform_version": "1.9.0"}' || { echo "no such provider"; exit 1; }"""
    )
    with WorkingCopy("examples/simple") as copy, pytest.raises(TerraformError, match=r"init.*\n.*no such provider"):
        copy.init()
