"""The dashboard and the operator's page name metrics that there are."""

import json
import re
from pathlib import Path

import pytest

from tests.metrics.test_metrics import door, told, with_token
from wherefrom.clock import FixedClock
from wherefrom.services import Services
from wherefrom.supervise import Supervisor, Worker

EMPTY = {"wherefrom_mailboxes", "wherefrom_endpoints", "wherefrom_well", "wherefrom_silent_seconds"}
"""Told of what there is: of nothing here."""

DOCS = Path(__file__).parents[2] / "docs"


def named(text: str) -> set[str]:
    return set(re.findall(r"\b(?:wherefrom|process)_[a-z_]+", text))


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # names are the same on both
async def test_every_metric_that_is_drawn_or_watched_exists(services: Services, clock: FixedClock) -> None:
    async def step() -> bool:
        return False

    async with door(with_token(services), Supervisor([Worker("a", step, 1, "a")], services.bell, clock)) as client:
        await told(client)  # counts itself from the second time on
        exist = {name for name, _ in await told(client)} | EMPTY
    board = json.loads((DOCS / "grafana.json").read_text())
    drawn = {name for panel in board["panels"] for one in panel["targets"] for name in named(one["expr"])}
    assert len(drawn) > 10
    assert drawn <= exist
    assert named((DOCS / "operating.md").read_text()) <= exist
