"""The sending account on the command line."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.support.ports import free_port
from tests.support.submission_sink import SubmissionSink
from wherefrom.cli.root import app
from wherefrom.services import Services
from wherefrom.sites.add import add_site

RUN = CliRunner()


@pytest.fixture
def sink() -> Iterator[SubmissionSink]:
    with SubmissionSink(login=("anna", "the secret word")) as server:
        yield server


async def test_an_account_is_set_tried_shown_and_signed_for(
    services: Services, sink: SubmissionSink, tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add_site(services, "shop", ["shop.example"])
    file, password = tmp_path / "settings.toml", tmp_path / "password"
    file.write_text(f'[database]\nurl = "{database_url}"\n')
    password.write_text("the secret word\n")

    async def run(*arguments: str, status: int = 0) -> str:
        def call() -> str:
            done = RUN.invoke(app, ["sender", *arguments, "--settings", str(file)])
            assert done.exit_code == status, f"{done.output}{done.exception!r}"
            return done.output

        return await asyncio.to_thread(call)

    account = ["set", "shop", "--host", sink.host, "--from", "news@shop.example", "--name", "The shop"]
    told = await run(*account, "--port", str(free_port()), "--security", "none")
    assert told.startswith("The shop <news@shop.example> by 127.0.0.1:")
    told = await run("test", "shop", status=1)
    assert "FAIL connect" in told
    assert "try: " in told
    right = ["--port", str(sink.port), "--security", "none", "--user", "anna"]
    await run(*account, *right, "--password-file", str(password), "--per-hour", "100")
    assert "ok   sender   letters from news@shop.example are taken" in await run("test", "shop")
    await run(*account, *right, "--keep-password", "--bounces", "bounce@shop.example")
    made = await run("dkim", "add", "shop", "--selector", "s1")
    assert "s1._domainkey.shop.example. IN TXT (" in made
    shown = await run("show", "shop")
    assert "letters return to bounce@shop.example" in shown
    assert "signed by s1._domainkey.shop.example (rsa, 2048 bits)" in shown
    assert json.loads(await run("show", "shop", "--json"))["has_password"] is True
    await run("dkim", "remove", "shop", "s1")
    assert "not signed" in await run("show", "shop")
    assert await run("remove", "shop") == "removed\n"
