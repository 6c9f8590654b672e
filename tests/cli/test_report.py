"""Reports on the command line."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from tests.inbox.letters import Post, letter
from wherefrom.cli.root import app
from wherefrom.services import Services
from wherefrom.sites.add import add_site

SALES, CODED = "sales@company.example", "sales+k7f3q9x2@company.example"


async def test_lost_mail_is_told_in_words_a_line_for_each_thing_that_may_be_looked_at(
    services: Services, tmp_path: Path, database_url: str
) -> None:
    site = await add_site(services, "shop", ["company.example"])
    post = await Post.open(services, site.id)
    target = await post.rows.target(SALES)
    for visit, kind, address in ((7, "mailto", CODED), (8, "copy", "sales+m2x4p6q8@company.example")):
        await post.rows.visit(visit)
        await post.rows.lease(visit, target, address)
        await post.rows.intent(visit, kind, address)
    await post.receive(letter(CODED, message_id="<1@x>"), at=post.minutes(5))
    await post.receive(letter(SALES, message_id="<2@x>", sender="new@other.example"), at=post.minutes(10))
    file, key = tmp_path / "settings.toml", tmp_path / "secret.key"
    file.write_text(f'[database]\nurl = "{database_url}"\n[data]\nfolder = "{tmp_path}"\nkey_file = "{key}"\n')

    async def run(*arguments: str, code: int = 0) -> str:
        command = ["report", "lost-mail", *arguments, "--settings", str(file)]
        done: Any = await asyncio.to_thread(CliRunner().invoke, app, command)
        assert done.exit_code == code, (done.output, done.exception)
        return str(done.output or done.exception)

    day = services.clock.now().date().isoformat()
    days, *lines = (await run("shop", "--from", day, "--to", day)).splitlines()
    assert days.startswith(f"{day} to ")
    assert [" ".join(line.split()) for line in lines[:5]] == [
        "1 visits clicked an address for the first time, 1 of them wrote",
        "1 visits copied an address for the first time, 0 of them wrote",
        "0 visits selected an address for the first time, 0 of them wrote",
        "0 letters of people in Junk, 0 with a known visit",
        f"1 letters to {SALES} itself, 0 with a known visit",
    ]
    assert lines[5].startswith("visit 8 copied sales+m2x4p6q8@company.example at ")
    assert "; perhaps letter " in lines[5]
    assert lines[5].endswith(" from new@other.example")
    assert len(lines) == 6
    assert json.loads(await run("shop", "--from", day, "--to", day, "--json"))["junk"]["letters"] == 0
    assert "date_from" in await run("shop", "--from", "soon", code=1)
