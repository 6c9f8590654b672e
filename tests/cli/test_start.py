"""How little is loaded before it is needed: what keeps help, mistakes and the start of the service quick."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

_TELL = "\nimport json, sys; print(json.dumps(sorted(sys.modules)))"


def loaded_by(code: str) -> set[str]:
    """The modules a new interpreter has loaded after ``code``."""
    done = subprocess.run([sys.executable, "-c", code + _TELL], capture_output=True, text=True, check=True, timeout=60)
    return set(json.loads(done.stdout))


def test_the_command_line_is_read_without_what_commands_work_with() -> None:
    assert not loaded_by("import wherefrom.cli.root") & {"sqlalchemy", "starlette", "uvicorn", "httpx", "cryptography"}


def test_the_service_is_loaded_without_what_it_may_never_use() -> None:
    """Each of these took two to nine megabytes, and a fiftieth to a tenth of a start."""
    unasked = {"rich", "pygments", "prometheus_client", "dkim", "dns", "jinja2", "mailparser", "lxml", "geoip2"}
    unasked |= {"asyncpg", "alembic", "websockets", "ua_parser", "user_agents"}
    unasked |= {"sqlalchemy.orm", "click", "uvicorn.main", "httpx", "httpcore", "sqlalchemy.dialects.postgresql"}
    assert not loaded_by("from wherefrom.cli.lean import loading\nwith loading(): import wherefrom.app\n") & unasked


def test_what_was_hidden_while_the_service_was_loaded_can_be_imported_afterwards() -> None:
    code = "from wherefrom.cli.lean import loading\nwith loading(): import structlog\n"
    assert "rich" in loaded_by(code + "import rich\n")


def test_a_client_that_is_loaded_later_comes_without_its_command_line() -> None:
    code = "from wherefrom.cli.lean import loading\nwith loading(): import wherefrom.app\n"
    loaded = loaded_by(code + "import wherefrom.webhooks.post\n")
    assert "httpx" in loaded
    assert not {"click", "rich"} & loaded


def test_what_a_package_loaded_in_parts_has_beside_them_can_be_asked_for_afterwards() -> None:
    code = "from wherefrom.cli.lean import loading\nwith loading(): import sqlalchemy.ext.asyncio as some, uvicorn\n"
    parts = loaded_by(code + "some.AsyncConnection, uvicorn.Server\n")
    assert {"sqlalchemy.ext.asyncio.engine", "uvicorn.server"} <= parts
    assert not {"sqlalchemy.orm", "uvicorn.main"} & parts
    code += "engine = some.AsyncEngine\nfrom sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession\n"
    whole = loaded_by(code + "assert engine is AsyncEngine\nassert callable(uvicorn.main) and uvicorn.__version__\n")
    assert {"sqlalchemy.orm", "uvicorn.main"} <= whole


@pytest.mark.parametrize("option", ["--settings", "-s"])
def test_the_command_that_serves_reads_its_options_without_what_reads_all_others(tmp_path: Path, option: str) -> None:
    code = f"import sys; sys.argv = ['wherefrom', 'serve', {option!r}, {str(tmp_path / 'none.toml')!r}]\n"
    loaded = loaded_by(code + "from wherefrom.cli import main\ntry: main()\nexcept SystemExit: pass\n")
    assert "uvicorn" in loaded
    assert not loaded & {"typer", "pydantic"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["serve", "--help"], "Run the service"),
        (["work", "--setings", "x"], "No such option"),
        (["web", "--settings"], "requires an argument"),
        (["web", "--settings", "a.toml", "b"], "unexpected extra argument"),
        (["serv"], "No such command"),
        (["serve", "--settings=none.toml"], "none.toml"),
        (["serve", "--settings", "none.toml"], "none.toml"),
    ],
)
def test_what_is_asked_of_the_service_in_other_words_is_answered_as_of_any_command(
    tmp_path: Path, words: list[str], told: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "wherefrom", *words], capture_output=True, text=True, timeout=60, cwd=tmp_path
    )
    assert told in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
