"""The contract with scripts written for Roistat (F01, G05): a real letter held against the table in roistat.toml."""

import tomllib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.inbox.letters import Post, letter
from tests.support.management import management_api
from tests.support.receiver import Receiver
from tests.webhooks.conftest import listen, work
from wherefrom.clock import FixedClock
from wherefrom.inbox.roistat import OPERATIONS
from wherefrom.inbox.store.details import MessageDetail
from wherefrom.services import Services
from wherefrom.sites.add import add_site, set_site
from wherefrom.webhooks.told import ChangeDeal, change_deal

TABLE: dict[str, Any] = tomllib.loads((Path(__file__).parent / "roistat.toml").read_text())
SUBSTITUTE = "email+123456@company.example"
NINE = datetime(2026, 11, 1, 9, tzinfo=UTC)
URL = "/project/emailtracking/email/list"


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NINE)


@pytest_asyncio.fixture
async def post(services: Services) -> Post:
    """A site in compatibility mode, with the table's visit and its substitute."""
    site = await add_site(services, "shop", ["company.example"])
    await set_site(services, site.id, compat="roistat")
    made = await Post.open(services, site.id)
    await made.rows.visit(
        123456, first_visit=1001, marker="fb_new", source_levels=["fb", "new"], referrer="https://fb.example/",
        landing_page="https://company.example/new", domain="company.example", utm_source="fb", utm_medium="cpc",
        utm_campaign="autumn", utm_content="banner", country="USA", country_code="US", region="New York",
        city="New York", ip="161.185.160.93", google_client_id="1.2", ym_uid="77",
        params={"1": "blue", "3": "42", "5": "five"},
    )  # fmt: skip
    await made.rows.lease(123456, await made.rows.target("email@company.example"), SUBSTITUTE)
    return made


@pytest_asyncio.fixture
async def api(post: Post) -> AsyncIterator[httpx.AsyncClient]:
    """As Roistat's users ask: the key in the header Api-key."""
    async with management_api(post.services, OPERATIONS, key=str(post.rows.site_id)) as client:
        client.headers["api-key"] = client.headers.pop("authorization").removeprefix("Bearer ")
        yield client


def specimen(to: str = SUBSTITUTE, **changed: Any) -> bytes:
    raw = letter(to, **{"subject": "Re: Тест", "text": "Test message", "sender": "Email_1@mail.example", **changed})
    made: Any = message_from_bytes(raw, policy=policy.SMTP)
    made.add_attachment(b"%PDF-1.7\n", maintype="application", subtype="pdf", filename="plan für alle.pdf")
    return bytes(made.as_bytes())


def filled(value: Any, detail: MessageDetail) -> Any:
    """A value of the table for this letter."""
    if isinstance(value, dict):
        return {name: filled(one, detail) for name, one in value.items()}
    if isinstance(value, list):
        return [filled(one, detail) for one in value]
    return {"null": None, "@id": str(detail.row.id), "@uid": str(detail.uid)}.get(value, value)


async def ask(api: httpx.AsyncClient, **query: Any) -> dict[str, Any]:
    answer = await api.post(URL, json=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    assert found["status"] == "success"
    return found


def test_the_table_has_29_names_each_once():
    names = [field["name"] for field in TABLE["webhook"]]
    assert len(names) == len(set(names)) == 29


@pytest.mark.parametrize("matched", [True, False])
async def test_the_flat_body_of_a_real_letter_is_the_table_to_the_letter(post: Post, receiver: Receiver, matched: bool):
    await listen(post.services, receiver.url, site_id=post.rows.site_id, format="roistat", which="all")
    detail = await post.receive(specimen(SUBSTITUTE if matched else "email@company.example"))
    await work(post.services)
    [request] = receiver.requests
    body = request.json()
    links = [one["url"] for one in body["attachments"]]
    for one in body["attachments"]:
        one["url"] = "@link"
    wanted = {
        field["name"]: filled(field["value"] if matched else field.get("none", field["value"]), detail)
        for field in TABLE["webhook"]
    }
    assert body == wanted
    assert list(body) == [field["name"] for field in TABLE["webhook"]]
    assert all(isinstance(value, str | list | None) for value in body.values())  # ids too are strings
    assert links[0].startswith("http://127.0.0.1:8025/a/")
    assert request.headers["webhook-signature"].startswith("v1,")


async def test_the_flat_body_can_carry_plain_attachment_urls(post: Post, receiver: Receiver):
    await listen(post.services, receiver.url, site_id=post.rows.site_id, format="roistat", attachments="urls")
    await post.receive(specimen())
    await work(post.services)
    [url] = receiver.requests[0].json()["attachments"]
    assert url.startswith("http://127.0.0.1:8025/a/")


async def test_a_pulled_row_is_the_table_to_the_letter(api: httpx.AsyncClient, post: Post):
    detail = await post.receive(specimen())
    wish = ChangeDeal(deal_number="D-7", deal_status="won", deal_value=Decimal(1500), deal_currency="EUR")
    await change_deal(post.services, post.rows.site_id, detail.row.id, wish)
    plain = filled(TABLE["pull"]["row"], detail)
    assert await ask(api) == {"status": "success", "data": [plain], "total": 1}
    [row] = (await ask(api, extend=["visit", "order"]))["data"]
    assert row == plain | {
        "visit": filled(TABLE["pull"]["visit"], detail), "order": filled(TABLE["pull"]["order"], detail),
    }  # fmt: skip


async def test_a_letter_without_a_visit_or_order_has_null_for_both(api: httpx.AsyncClient, post: Post):
    await post.receive(specimen("email@company.example"))
    [row] = (await ask(api, extend=["order", "visit", "something new"]))["data"]
    assert (row["visit_id"], row["order_id"], row["visit"], row["order"]) == (None, None, None, None)


@pytest.fixture
async def three(post: Post) -> list[str]:
    """Letters of three mornings, the second without a visit, the third with an order; their ids."""
    ids = []
    for day, to in ((1, SUBSTITUTE), (2, "email@company.example"), (3, SUBSTITUTE)):
        at = datetime(2026, 11, day, 9, tzinfo=UTC)
        raw = letter(to, subject=f"Letter {day}", sender=f"a{day}@mail.example", message_id=f"<{day}@mail.example>")
        await post.store(raw, at=at)
        await post.sort()
    async with management_api(post.services, OPERATIONS, key=str(post.rows.site_id)) as api:
        ids = [one["id"] for one in (await ask(api, sort=["date", "asc"]))["data"]]
    await change_deal(post.services, post.rows.site_id, int(ids[2]), ChangeDeal(deal_number="D-7"))
    return ids


FILTERS: list[tuple[Any, list[int]]] = [
    ({"and": [["date", ">", "2026-11-02T00:00:00+0000"]]}, [2, 3]),
    ([["date", ">", "2026-11-01T09:00:00+0000"], ["date", "<", "2026-11-03T09:00:00Z"]], [2]),
    ([["date", ">=", "2026-11-01T12:00:00+0300"], ["date", "<=", "2026-11-02T09:00:00+0000"]], [1, 2]),
    (["date", "<", "2026-11-02"], [1]),
    ([["visit_id", "=", "123456"]], [1, 3]),
    ([["visit_id", "=", 123456]], [1, 3]),
    ([["visit_id", "=", None]], [2]),
    ([["visit_id", "!=", None]], [1, 3]),
    ([["visit_id", "in", ["123456", "5"]]], [1, 3]),
    ([["visit_id", "!=", 5]], [1, 2, 3]),
    ([["order_id", "=", "D-7"]], [3]),
    ([["order_id", "=", None]], [1, 2]),
    ([["marker", "=", "fb_new"], ["subject", "like", "%3"]], [3]),
    ([["subject", "like", "LETTER"]], [1, 2, 3]),
    ([["email_from", "=", "a2@mail.example"]], [2]),
    ([["email_to", "like", "email+%"]], [1, 3]),
    ([["email_from", "in", []]], []),
    ([], [1, 2, 3]),
    (None, [1, 2, 3]),
]


async def test_filters_are_met_all_together(api: httpx.AsyncClient, three: list[str]):
    for filters, days in FILTERS:
        found = await ask(api, filters=filters, sort=[["id", "asc"]])
        assert [one["subject"] for one in found["data"]] == [f"Letter {day}" for day in days], filters
        assert found["total"] == len(days)


async def test_rows_are_sorted_and_paged_and_the_total_counts_all(api: httpx.AsyncClient, three: list[str]):
    async def days(**query: Any) -> list[str]:
        found = await ask(api, **query)
        assert found["total"] == 3
        return [one["subject"][-1] for one in found["data"]]

    assert await days() == ["3", "2", "1"]
    assert await days(sort=["subject", "asc"]) == ["1", "2", "3"]
    assert await days(sort=[["visit_id", "desc"], ["date", "asc"]], filters=[["visit_id", "!=", 1]])
    assert await days(limit=2) == ["3", "2"]
    assert await days(limit=2, offset=2) == ["1"]
    assert await days(offset=3) == []


MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"filters": [["colour", "=", "red"]]}, "cannot be filtered by"),
    ({"filters": [["date", "~", "2026-11-02"]]}, "no sign"),
    ({"filters": [["date", ">", "yesterday"]]}, "no date"),
    ({"filters": [["date", ">", None]]}, "null cannot be compared"),
    ({"filters": [["id", "=", "x"]]}, "no number"),
    ({"filters": [["id", "like", "1"]]}, "no text"),
    ({"filters": [["visit_id", "in", "5"]]}, "takes a list"),
    ({"filters": [["subject", "=", {"a": 1}]]}, "is text"),
    ({"filters": ["date", ">"]}, "a list of three"),
    ({"filters": [["id", "=", 1]] * 21}, "too many"),
    ({"sort": ["colour", "asc"]}, "cannot be sorted by"),
    ({"sort": ["date", "up"]}, "no order"),
    ({"limit": 1001}, "limit"),
    ({"offset": -1}, "offset"),
]


async def test_a_question_that_is_not_understood_is_refused_in_words(api: httpx.AsyncClient):
    for query, words in MISTAKES:
        answer = await api.post(URL, json=query)
        assert (answer.status_code, words in answer.json()["detail"]) == (400, True), answer.text


async def test_it_answers_sites_in_compatibility_mode_and_their_own_keys_alone(post: Post, services: Services):
    other = await add_site(services, "other", ["other.example"])
    await post.receive(specimen())
    async with management_api(services, OPERATIONS, key=str(other.id)) as theirs:
        answer = await theirs.post(URL, json={})
        assert (answer.status_code, "compatibility mode" in answer.json()["detail"]) == (409, True)
        await set_site(services, other.id, compat="roistat")
        assert (await theirs.post(URL)).json() == {"status": "success", "data": [], "total": 0}
    async with management_api(services, OPERATIONS) as operator:
        assert (await operator.post(URL, json={})).status_code == 403
        operator.headers.pop("authorization")
        assert (await operator.post(URL, json={})).status_code == 401
