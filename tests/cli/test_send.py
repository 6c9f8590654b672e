"""Sends on the command line."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

from typer.testing import CliRunner

from tests.outbound.stage import CHROME, GMAIL, set_stage
from wherefrom.cli.root import app
from wherefrom.clock import FixedClock
from wherefrom.services import Services

RUN = CliRunner()


async def test_a_send_is_shown_with_everything_that_reached_it(
    services: Services, clock: FixedClock, tmp_path: Path, database_url: str
) -> None:
    stage = await set_stage(services, clock)
    handed, other = await stage.hand_in(subject="News of November"), await stage.hand_in("bob@mail.example")
    await stage.hit(handed.pixel, GMAIL)
    clock.advance(timedelta(seconds=30))
    await stage.hit(handed.clicks[0], CHROME, method="HEAD")
    await stage.settle()
    file = tmp_path / "settings.toml"
    file.write_text(f'[database]\nurl = "{database_url}"\n')

    def run(*arguments: str) -> str:
        done = RUN.invoke(app, ["send", *arguments, "--settings", str(file)])
        assert done.exit_code == 0, done.output
        return done.output

    shown = await asyncio.to_thread(run, "show", "shop", str(handed.sent.id))
    assert shown.startswith("News of November to ann@mail.example: opened since 2026-11-02T09:00:00")
    assert "open   proxy (image proxy)" in shown
    assert "click  scanner (head)" in shown
    assert "https://shop.example/1?a=1&b=2" in shown
    listed = await asyncio.to_thread(run, "list", "shop", "--opened")
    assert str(handed.sent.id) in listed
    assert str(other.sent.id) not in listed
    await stage.http.aclose()
