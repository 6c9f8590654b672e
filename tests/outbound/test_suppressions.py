"""Suppressions: each reason stands for itself, every change is kept with who made it, files come in and go out."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest_asyncio
from starlette.applications import Starlette

from tests.outbound.stage import Stage
from tests.support.management import management_api
from wherefrom.outbound.leave_routes import routes
from wherefrom.outbound.suppression_api import OPERATIONS
from wherefrom.outbound.suppression_file_api import OPERATIONS as FILE_OPERATIONS

SUPPRESSIONS = "/sites/shop/suppressions"


@pytest_asyncio.fixture
async def api(stage: Stage) -> AsyncIterator[httpx.AsyncClient]:
    async with management_api(stage.services, (*OPERATIONS, *FILE_OPERATIONS), str(stage.site_id)) as client:
        yield client


async def unsubscribe(stage: Stage, act: str = "all") -> None:
    handed = await stage.hand_in(list="news")
    found = re.search(r"/u/[^>]+", handed.letter.headers["List-Unsubscribe"])
    assert found is not None
    transport = httpx.ASGITransport(Starlette(routes=routes(stage.services)))
    async with httpx.AsyncClient(transport=transport, base_url="http://t") as web:
        assert (await web.post(found[0], data={"act": act})).status_code == 200


async def flags(api: httpx.AsyncClient, list_: str = "") -> dict[str, Any]:
    answer = await api.get(f"{SUPPRESSIONS}/flags/Ann@mail.example", params={"list": list_})
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


async def test_the_two_flags_say_different_things(stage: Stage, api: httpx.AsyncClient) -> None:
    none = {"unsubscribed": False, "suppressed": False, "lists": [], "reasons": [], "mailable": True}
    assert await flags(api) == {"email": "ann@mail.example", **none}
    await unsubscribe(stage, "list")
    assert (await flags(api, "news"))["mailable"] is False
    met = await flags(api)
    assert (met["unsubscribed"], met["lists"], met["mailable"]) == (False, ["news"], True)
    await api.post(SUPPRESSIONS, json={"email": "ann@mail.example"})
    met = await flags(api)
    assert (met["unsubscribed"], met["suppressed"], met["reasons"], met["mailable"]) == (False, True, ["manual"], False)


async def test_who_takes_back_an_unsubscription_takes_back_nothing_else(stage: Stage, api: httpx.AsyncClient) -> None:
    await unsubscribe(stage)
    made = await api.post(SUPPRESSIONS, json={"email": "ann@mail.example", "detail": "asked by telephone"})
    assert made.status_code == 201
    met = await flags(api)
    assert (met["unsubscribed"], met["suppressed"]) == (True, True)
    kept = (await api.get(SUPPRESSIONS, params={"reason": "unsubscribed"})).json()["data"]
    undone = await api.post(f"{SUPPRESSIONS}/{kept[0]['id']}/undo")
    assert undone.json()["undone_by"] == "key 1"
    met = await flags(api)
    assert (met["unsubscribed"], met["suppressed"], met["mailable"]) == (False, True, False)


async def test_every_change_is_kept_with_its_time_and_who_made_it(stage: Stage, api: httpx.AsyncClient) -> None:
    await unsubscribe(stage)
    stage.clock.advance(timedelta(hours=1))
    (one,) = (await api.get(SUPPRESSIONS)).json()["data"]
    assert one["created_by"] == "person"
    await api.post(f"{SUPPRESSIONS}/{one['id']}/undo")
    await api.post(SUPPRESSIONS, json={"email": "ann@mail.example"})
    await api.post(SUPPRESSIONS, json={"email": "bob@mail.example"})
    query = {"email": "ann@mail.example", "limit": 1}
    changes: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        page = (await api.get(f"{SUPPRESSIONS}/changes", params=query | ({"cursor": cursor} if cursor else {}))).json()
        changes += page["data"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert [(each["what"], each["by"], each["suppression"]["reason"]) for each in changes] == [
        ("made", "key 1", "manual"),
        ("undone", "key 1", "unsubscribed"),
        ("made", "person", "unsubscribed"),
    ]
    assert changes[1]["at"] > changes[2]["at"]
    assert len((await api.get(f"{SUPPRESSIONS}/changes")).json()["data"]) == 4
    for wrong in ("nobody", "\x00@mail.example"):
        for path in (SUPPRESSIONS, f"{SUPPRESSIONS}/changes"):
            assert (await api.get(path, params={"email": wrong})).status_code == 400
    for wrong in ("x", "1-", "1-" + "9" * 30, "-1-2"):
        assert (await api.get(f"{SUPPRESSIONS}/changes", params={"cursor": wrong})).status_code == 400


async def test_a_list_comes_in_once_and_goes_out_whole(stage: Stage, api: httpx.AsyncClient) -> None:
    content = (
        "email,reason,list\n" + "".join(f"p{n}@mail.example,unsubscribed,news\n" for n in range(1200)) + "nobody,,\n"
    )
    for added in (1200, 0):
        told = (await api.post(f"{SUPPRESSIONS}/import", json={"content": content})).json()
        assert (told["added"], told["known"], told["bad"]) == (added, 1200 - added, 1)
        assert told["problems"][0]["line"] == 1202
    (one,) = (await api.get(SUPPRESSIONS, params={"email": "p7@mail.example"})).json()["data"]
    assert (one["reason"], one["list"], one["created_by"], one["detail"]) == (
        "unsubscribed",
        "news",
        "key 1",
        "imported",
    )
    await api.post(f"{SUPPRESSIONS}/{one['id']}/undo")
    for form, lines in (("csv", 1200), ("jsonl", 1199)):
        answer = await api.get(f"{SUPPRESSIONS}/export/{form}")
        assert f"suppressions.{form}" in answer.headers["content-disposition"]
        assert len(answer.text.splitlines()) == lines
        assert "p7@mail.example" not in answer.text
    whole = await api.get(f"{SUPPRESSIONS}/export/csv", params={"active": "false"})
    assert "p7@mail.example" in whole.text
    assert (await api.get(f"{SUPPRESSIONS}/export/xls")).status_code == 404
