"""What is in docker/: files that no test can start here, held against the program they start."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml
from sqlalchemy import text

import wherefrom.app  # noqa: F401 - imports every room, and so every table
from tests.support.tenancy import is_tenant
from wherefrom.cli.root import app
from wherefrom.db import metadata
from wherefrom.services import Services
from wherefrom.settings import load_settings
from wherefrom.supervise import CLOSING_SECONDS

FOLDER = Path(__file__).parents[2] / "docker"
COMPOSED = ("compose.sqlite.yaml", "compose.postgres.yaml")
VARIABLE = re.compile(r"\$\{([A-Z_]+)(?::([?-])([^}]*))?\}")


def _services(name: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load((FOLDER / name).read_text())["services"]
    return found


def _ours(name: str) -> dict[str, dict[str, Any]]:
    return {key: one for key, one in _services(name).items() if one["image"] == "wherefrom"}


def _commands() -> set[str]:
    group = typer.main.get_command(app)
    return set(group.commands)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", COMPOSED)
def test_every_setting_a_composition_gives_is_one_and_is_accepted(name: str) -> None:
    for service, one in _ours(name).items():
        given = {key: VARIABLE.sub("secret", value) for key, value in one["environment"].items()}
        settings = load_settings(None, given)
        assert settings.server.public_url == "https://secret", service
        assert settings.log.format == "json"
        networks = yaml.safe_load((FOLDER / name).read_text())["networks"]["default"]["ipam"]["config"]
        assert list(settings.server.trusted_proxies) == [networks[0]["subnet"]], "the front, and nobody else"
    assert load_settings(None, {"WHEREFROM_NONSENSE": "1"}), "a name without a group is not looked at"


def test_the_image_s_settings_are_settings() -> None:
    text = (FOLDER / "Dockerfile").read_text()
    given = dict(re.findall(r"(WHEREFROM_\w+)=(\S+)", text))
    assert len(given) == 5
    settings = load_settings(None, given)
    assert (settings.data.folder, settings.server.bind) == ("/data", "0.0.0.0")
    assert f"EXPOSE {settings.server.port}" in text
    assert f"http://127.0.0.1:{settings.server.health_port}/healthz" in text
    assert f"health_port {settings.server.health_port}\n" in (FOLDER / "Caddyfile").read_text()


def test_what_the_image_is_made_of_is_there() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (FOLDER / "Dockerfile").read_text(), re.MULTILINE)
    names = {name for sources in copied for name in sources.split()}
    sent = (FOLDER.parent / ".dockerignore").read_text().splitlines()
    assert "*" in sent, "and nothing else leaves the machine"
    for name in names:
        assert (FOLDER.parent / name).exists(), name
        assert f"!{name}" in sent, name


@pytest.mark.parametrize("name", COMPOSED)
def test_a_container_is_waited_for_as_long_as_a_stop_takes(name: str) -> None:
    for service, one in _ours(name).items():
        given = {key: VARIABLE.sub("secret", value) for key, value in one["environment"].items()}
        server = load_settings(None, given).server
        takes = server.leaving_seconds + server.grace_seconds + CLOSING_SECONDS
        assert int(one["stop_grace_period"].removesuffix("s")) > takes, service
        checks = (FOLDER / "Caddyfile").read_text()
        (between, patience) = (int(re.findall(rf"health_{key} (\d+)s", checks)[0]) for key in ("interval", "timeout"))
        assert "postgres" not in name or server.leaving_seconds > between + patience, "the front has to see it"


@pytest.mark.parametrize("name", COMPOSED)
def test_the_front_is_asked_how_it_is_in_a_way_it_answers(name: str) -> None:
    """Its door for administration refuses HEAD, by which wget asks when it shall only look."""
    asked = _services(name)["front"]["healthcheck"]["test"]
    assert asked[:2] == ["CMD", "wget"]
    assert "--spider" not in asked


def test_every_command_that_is_started_is_one() -> None:
    started = [(FOLDER / "Dockerfile").read_text().rpartition("CMD ")[2]]
    for name in COMPOSED:
        for one in _ours(name).values():
            started += [str(one[key]) for key in ("command", "healthcheck") if "wherefrom" in str(one.get(key))]
    words = [re.findall(r"[a-z]+", text) for text in started]
    named = {found[found.index("wherefrom") + 1] for found in words}
    assert named == {"serve", "web", "work", "migrate", "check"}
    assert named <= _commands()


@pytest.mark.parametrize("name", COMPOSED)
def test_no_container_may_gain_rights_or_write_to_its_image(name: str) -> None:
    for service, one in _services(name).items():
        assert one["read_only"] is True, service
        assert one["cap_drop"] == ["ALL"], service
        assert one["security_opt"] == ["no-new-privileges:true"], service
        assert one.get("cap_add", []) in ([], ["NET_BIND_SERVICE"]), service
        assert not one.get("privileged"), service
        assert "ports" not in one or service == "front", "the front alone is reached from outside"
    user = re.findall(r"^USER (\S+)$", (FOLDER / "Dockerfile").read_text(), re.MULTILINE)
    assert user == ["wherefrom"]


@pytest.mark.parametrize("name", COMPOSED)
def test_every_volume_and_service_that_is_named_is_there_and_none_too_many(name: str) -> None:
    whole = yaml.safe_load((FOLDER / name).read_text())
    mounted = [one.partition(":")[0] for service in whole["services"].values() for one in service.get("volumes", [])]
    assert {one for one in mounted if re.fullmatch(r"[a-z]+", one)} == set(whole["volumes"])
    for one in mounted:
        assert not one.startswith("./") or (FOLDER / one).exists(), one
    waited = {other for service in whole["services"].values() for other in service.get("depends_on", {})}
    assert waited <= set(whole["services"])
    fronted = whole["services"]["front"]["environment"]["UPSTREAMS"].split()
    port = load_settings(None, {}).server.port
    web = [key for key, one in _ours(name).items() if "web" in one.get("command", []) or "command" not in one]
    assert fronted == [f"{one}:{port}" for one in web], "the front leads to each web process"


def test_every_variable_to_fill_in_is_in_the_example() -> None:
    example = dict(re.findall(r"^([A-Z_]+)=(.*)$", (FOLDER / "environment.example").read_text(), re.MULTILINE))
    asked = {found[0] for name in COMPOSED for found in VARIABLE.findall((FOLDER / name).read_text())}
    assert asked == set(example)
    used = set(re.findall(r"\{\$([A-Z_]+)\}", (FOLDER / "Caddyfile").read_text()))
    for name in COMPOSED:
        assert used == set(_services(name)["front"]["environment"])


def test_the_operator_is_told_of_commands_and_settings_that_there_are() -> None:
    page = (FOLDER.parent / "docs" / "operating.md").read_text()
    commands = set(re.findall(r"(?:`|bin/|^)wherefrom ([a-z]+)", page, re.MULTILINE))
    assert {"copy", "backup", "restore", "migrate", "check"} <= commands <= _commands()
    for name in re.findall(r"\]\(\.\./(docker[^)]*)\)", page):
        assert (FOLDER.parent / name).exists(), name
    days = set(re.findall(r"`([a-z]+_days)`", page))
    assert days == set(load_settings(None, {}).retention.__struct_fields__)


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)  # what is sharded is PostgreSQL
async def test_the_statements_that_shard_the_schema_meet_every_table(services: Services) -> None:
    page = (FOLDER.parent / "docs" / "operating.md").read_text()
    (block,) = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
    met: list[set[str]] = []
    async with services.db.read() as tx:
        for statement in block.strip().strip(";").split(";"):
            listed = re.sub(r"create_\w+_table\((\w+)::regclass[^)]*\)", r"\1", statement)
            met.append(set(await tx.scalars(text(listed.replace(":", r"\:")))))
    of_sites = {one.name for one in metadata.sorted_tables if is_tenant(one)}
    assert met == [set(metadata.tables) - of_sites, of_sites]


def _unit() -> str:
    return (FOLDER / "wherefrom.service").read_text()


def test_the_unit_starts_a_command_with_settings_that_commands_have_too(tmp_path: Path) -> None:
    """What only the unit knew, a backup by cron would look for elsewhere, and a person would be added there."""
    assert "Environment=" not in _unit()
    file = tmp_path / "settings.toml"
    (edit,) = re.findall(r"^#   sed -i '(.+)' /etc/wherefrom/settings.toml$", _unit(), re.MULTILINE)
    file.write_bytes(subprocess.check_output(["sed", edit, str(FOLDER.parent / "settings.toml")]))
    settings = load_settings(file, {})
    assert {settings.data.folder, str(Path(settings.data.key_file).parent)} == {"/var/lib/wherefrom"}
    assert settings.database.url == "sqlite:////var/lib/wherefrom/wherefrom.db"
    (start,) = re.findall(r"^ExecStart=\S+/wherefrom (\w+) ", _unit(), re.MULTILINE)
    assert start in _commands()


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not here")
def test_systemd_understands_the_unit_and_finds_little_exposed(tmp_path: Path) -> None:
    unit = tmp_path / "wherefrom.service"
    unit.write_text(_unit().replace("/opt/wherefrom/bin/wherefrom", sys.executable))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, timeout=60, check=False
    )
    assert [line for line in done.stderr.splitlines() if "wherefrom.service" in line] == []
    security = ["systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", str(unit)]
    told = subprocess.run(security, capture_output=True, text=True, timeout=60, check=False)
    assert told.returncode == 0, told.stdout[-300:]
