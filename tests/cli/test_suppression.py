"""Suppressions on the command line."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from typer.testing import CliRunner

from wherefrom.cli.root import app
from wherefrom.services import Services
from wherefrom.sites.add import add_site

RUN = CliRunner()


async def test_a_list_is_taken_over_shown_undone_and_written_out(
    services: Services, tmp_path: Path, database_url: str
) -> None:
    await add_site(services, "shop", ["shop.example"])
    file, people = tmp_path / "settings.toml", tmp_path / "people.csv"
    file.write_text(f'[database]\nurl = "{database_url}"\n')
    people.write_text("email;reason\nann@mail.example;complaint\nnobody;\n", "utf-8")

    async def run(*arguments: str) -> str:
        done = await asyncio.to_thread(RUN.invoke, app, ["suppression", *arguments, "--settings", str(file)])
        assert done.exit_code == 0, done.output
        return done.output

    told = await run("import", "shop", str(people))
    assert told.startswith("1 added, 0 known already, 1 not understood\n  line 3: nobody")
    assert "ann@mail.example" in await run("list", "shop")
    await run("add", "shop", "bob@mail.example", "--list", "news", "--detail", "by telephone")
    found = json.loads(await run("list", "shop", "--email", "ann@mail.example", "--json"))["data"]
    assert "undone" in await run("undo", "shop", found[0]["id"])
    history = (await run("history", "shop")).splitlines()
    assert [line.split()[1] for line in history] == ["undone", "made", "made"]
    assert all(line.endswith("by key 0") for line in history)
    assert await run("bounces", "shop") == "nothing came back\n"
    lines = (await run("export", "shop")).splitlines()
    assert [line.split(",")[:3] for line in lines[1:]] == [["bob@mail.example", "news", "manual"]]
