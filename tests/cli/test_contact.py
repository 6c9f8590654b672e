"""Contacts on the command line."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from tests.audience.walk import find_anywhere
from tests.outbound.stage import CHROME, GMAIL, set_stage
from wherefrom.cli.root import app
from wherefrom.clock import FixedClock
from wherefrom.services import Services

RUN = CliRunner()


async def test_a_contact_is_found_shown_exported_and_erased(
    services: Services, clock: FixedClock, tmp_path: Path, database_url: str
) -> None:
    stage = await set_stage(services, clock)
    ann, bob = await stage.hand_in(name="Ann", subject="News", list="news"), await stage.hand_in("bob@mail.example")
    await stage.hit(ann.pixel, GMAIL)
    await stage.hit(ann.clicks[0], CHROME)
    await stage.settle()
    file = tmp_path / "settings.toml"
    key = tmp_path / "secret.key"
    file.write_text(f'[database]\nurl = "{database_url}"\n[data]\nfolder = "{tmp_path}"\nkey_file = "{key}"\n')

    async def run(*arguments: str, code: int = 0, given: str = "") -> str:
        done: Any = await asyncio.to_thread(
            RUN.invoke, app, ["contact", *arguments, "--settings", str(file)], input=given
        )
        assert done.exit_code == code, (done.output, done.exception)
        return str(done.output or done.exception)

    assert "ann@mail.example" not in await run("find", "shop", "--not", "opened")
    found = await run("find", "shop", "--did", "opened", "--did", "clicked", "--link", "shop.example/1")
    assert found.split() == [str(ann.contact.id), "1/1/1", "ann@mail.example", "Ann"]
    assert json.loads(await run("find", "shop", "--limit", "1", "--json"))["total"] == 2
    assert await run("find", "shop", "--did", "complained") == "nobody\n"
    shown = await run("show", "shop", "Ann@mail.example")
    assert "sent 1, opened 1, clicked 1" in shown
    assert "click   human      News" in shown
    exported = tmp_path / "ann.json"
    assert await run("export", "shop", str(ann.contact.id), "--to", str(exported)) == f"written to {exported}\n"
    assert json.loads(exported.read_text())["contact"]["email"] == "ann@mail.example"
    assert "cannot be written" in await run("export", "shop", "ann@mail.example", "--to", str(tmp_path), code=1)
    await run("erase", "shop", "ann@mail.example", code=1, given="n\n")
    assert await find_anywhere(services, "ann@mail.example") != []
    done = await run("erase", "shop", "ann@mail.example", "--yes", "--letters")
    assert done == "erased: 1 letters are now to nobody, 0 they wrote are gone\n"
    assert await find_anywhere(services, "ann@mail.example") == []
    assert "there is no contact ann@mail.example" in await run("show", "shop", "ann@mail.example", code=1)
    assert (await stage.contact("bob@mail.example")).id == bob.contact.id
    counted: Any = await asyncio.to_thread(
        RUN.invoke, app, ["report", "totals", "shop", "--from", "2026-11-02", "--to", "2026-11-02", "-s", str(file)]
    )
    assert [line.split() for line in counted.output.splitlines()] == [
        ["day", "sent", "delivered", "opened", "clicked", "failed", "complained", "unsubscribed"],
        ["2026-11-02", "2", "0", "1", "1", "0", "0", "0"],
        ["in", "all", "2", "0", "1", "1", "0", "0", "0"],
    ]
    await stage.http.aclose()
