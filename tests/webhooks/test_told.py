"""What the CRM tells later of a deal: number, status, value (F04); seen in the API and counted exactly."""

import string
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import httpx
import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from tests.inbox.letters import Post, letter
from tests.support.management import management_api
from tests.support.receiver import Receiver
from tests.webhooks.conftest import listen, work
from wherefrom.errors import BadInput
from wherefrom.inbox.api import OPERATIONS as INBOX_OPERATIONS
from wherefrom.services import Services
from wherefrom.sites.add import add_site
from wherefrom.webhooks.api import OPERATIONS as WEBHOOK_OPERATIONS
from wherefrom.webhooks.money import clean_currency, from_scaled, money_words, to_scaled

OPERATIONS = (*INBOX_OPERATIONS, *WEBHOOK_OPERATIONS)
CODE = "sales+k7f3q9x2@company.example"


@pytest_asyncio.fixture
async def post(services: Services) -> Post:
    site = await add_site(services, "shop", ["company.example"])
    made = await Post.open(services, site.id)
    await made.rows.visit(7, utm_source="fb", marker="fb_new")
    await made.rows.lease(7, await made.rows.target("sales@company.example"), CODE)
    return made


@pytest_asyncio.fixture
async def api(post: Post) -> AsyncIterator[httpx.AsyncClient]:
    """With the site's own key."""
    async with management_api(post.services, OPERATIONS, key=str(post.rows.site_id)) as client:
        yield client


async def tell(api: httpx.AsyncClient, message_id: int, **deal: Any) -> dict[str, Any]:
    answer = await api.patch(f"/messages/{message_id}", json=deal)
    assert answer.status_code == 200, answer.text
    return {name: value for name, value in answer.json().items() if name.startswith("deal_")}


async def test_a_crm_tells_the_deal_bit_by_bit_and_what_it_leaves_out_stays(api: httpx.AsyncClient, post: Post):
    row = (await post.receive(letter(CODE))).row
    nothing = {"deal_number": None, "deal_status": None, "deal_value": None, "deal_currency": None}
    assert await tell(api, row.id) == nothing
    assert await tell(api, row.id, deal_status="new") == {**nothing, "deal_status": "new"}
    told = await tell(api, row.id, deal_number=" D-7 ", deal_value="1500.5", deal_currency="eur")
    whole = {"deal_number": "D-7", "deal_status": "new", "deal_value": "1500.50", "deal_currency": "EUR"}
    assert told == whole
    assert await tell(api, row.id, deal_status="won", deal_value=1999) == {
        **whole, "deal_status": "won", "deal_value": "1999.00",
    }  # fmt: skip
    assert await tell(api, row.id, deal_value=None, deal_status=None) == {
        **whole, "deal_status": None, "deal_value": None,
    }  # fmt: skip
    [listed] = (await api.get("/messages")).json()["data"]
    assert (listed["deal_number"], listed["deal_currency"]) == ("D-7", "EUR")
    [same] = (await api.get("/sites/shop/messages")).json()["data"]
    assert same == listed


async def test_a_status_told_first_does_not_keep_the_receivers_number_out_and_a_number_told_does(
    api: httpx.AsyncClient, post: Post, receiver: Receiver
):
    await listen(post.services, receiver.url, site_id=post.rows.site_id)
    first, second = [(await post.receive(letter(CODE, message_id=f"<{n}@c.example>"))).row.id for n in (1, 2)]
    await tell(api, first, deal_status="open")
    await tell(api, second, deal_number="told", deal_status="open")
    for number in ("A-1", "A-2"):
        receiver.answer(200, {"deal_id": number})
    await work(post.services)
    shown = {one["id"]: one for one in (await api.get("/messages")).json()["data"]}
    assert shown[str(first)]["deal_number"] in ("A-1", "A-2")
    assert shown[str(second)]["deal_number"] == "told"
    assert {one["deal_status"] for one in shown.values()} == {"open"}


async def test_an_answer_tells_status_and_value_until_the_crm_tells_others(
    api: httpx.AsyncClient, post: Post, receiver: Receiver
):
    await listen(post.services, receiver.url, site_id=post.rows.site_id)
    receiver.answer(200, {"deal": {"id": "D-1", "status": "new", "value": 99.9, "currency": "EUR"}})
    row = (await post.receive(letter(CODE))).row
    await work(post.services)
    whole = {"deal_number": "D-1", "deal_status": "new", "deal_value": "99.90", "deal_currency": "EUR"}
    assert await tell(api, row.id) == whole
    assert await tell(api, row.id, deal_status="won") == {**whole, "deal_status": "won"}
    for number, kept in (
        ("D-1", {**whole, "deal_status": "won"}),
        ("D-2", {"deal_number": "D-2", "deal_status": "new", "deal_value": "5.00", "deal_currency": None}),
    ):  # another deal begins with its own
        receiver.answer(200, {"deal": {"id": number, "status": "new", "value": 5}})
        await api.post("/sites/shop/deliveries/resend", json={"status": "delivered"})
        await work(post.services)
        assert await tell(api, row.id) == kept


async def test_what_became_of_a_deal_is_told_by_its_number_for_all_its_letters(api: httpx.AsyncClient, post: Post):
    ids = [(await post.receive(letter(CODE, message_id=f"<{n}@c.example>"))).row.id for n in range(3)]
    answer = await api.patch("/sites/shop/deals/D-7", json={"status": "won"})
    assert (answer.status_code, "D-7" in answer.json()["detail"]) == (404, True)
    for one in ids[:2]:
        await tell(api, one, deal_number="D-7")
    answer = await api.patch("/sites/shop/deals/D-7", json={"status": "won", "value": 12.5, "currency": "usd"})
    assert answer.json() == {"count": 2}
    won = (await api.get("/messages", params={"deal_status": "won"})).json()["data"]
    assert {(one["id"], one["deal_value"], one["deal_currency"]) for one in won} == {
        (str(one), "12.50", "USD") for one in ids[:2]
    }


async def test_letters_are_found_by_their_deal(api: httpx.AsyncClient, post: Post):
    ids = [str((await post.receive(letter(CODE, message_id=f"<{n}@c.example>"))).row.id) for n in range(3)]
    await tell(api, int(ids[0]), deal_number="D-1")
    await tell(api, int(ids[1]), deal_status="lost")

    async def found(**query: str) -> set[str]:
        return {one["id"] for one in (await api.get("/messages", params=query)).json()["data"]}

    assert await found(deal="true") == set(ids[:2])
    assert await found(deal="false") == {ids[2]}
    assert await found(deal_number="D-1") == {ids[0]}
    assert await found(deal_number="D-2") == set()
    assert await found(deal_status="lost") == {ids[1]}


NONSENSE: list[tuple[dict[str, Any], str]] = [
    ({"deal_number": "x" * 201}, "no deal number"),
    ({"deal_number": "a\nb"}, "no deal number"),
    ({"deal_status": "a\nb"}, "one line"),
    ({"deal_status": "x" * 101}, "deal_status"),
    ({"deal_value": "12.34567"}, "four decimals"),
    ({"deal_value": -1}, "no value of a deal"),
    ({"deal_value": "NaN"}, "no value of a deal"),
    ({"deal_value": "1e400"}, "no value of a deal"),
    ({"deal_value": "much"}, "deal_value"),
    ({"deal_currency": "euro"}, "no currency"),
    ({"deal_currency": "1€2"}, "no currency"),
    ({"colour": "red"}, "colour"),
]


async def test_what_makes_no_sense_of_a_deal_is_refused_in_words_and_changes_nothing(
    api: httpx.AsyncClient, post: Post
):
    row = (await post.receive(letter(CODE))).row
    for deal, words in NONSENSE:
        answer = await api.patch(f"/messages/{row.id}", json={"deal_status": "new", **deal})
        assert (answer.status_code, words in answer.json()["detail"]) == (400, True), answer.text
        assert (await api.get(f"/messages/{row.id}")).json()["deal_status"] is None


async def test_a_letter_that_is_not_there_has_no_deal(api: httpx.AsyncClient, post: Post):
    assert (await api.patch("/messages/5", json={"deal_number": "1"})).status_code == 404
    other = await add_site(post.services, "other", ["other.example"])
    row = (await post.receive(letter(CODE))).row
    async with management_api(post.services, OPERATIONS, key=str(other.id)) as theirs:
        assert (await theirs.patch(f"/messages/{row.id}", json={"deal_number": "1"})).status_code == 404
    async with management_api(post.services, OPERATIONS) as operator:
        answer = await operator.patch(f"/messages/{row.id}", json={"deal_number": "1"})
        assert (answer.status_code, "site's own key" in answer.json()["hint"]) == (403, True)


@given(st.decimals(0, 10**13 - 1, places=4))
def test_money_goes_in_and_out_exactly(value: Decimal):
    assert from_scaled(to_scaled(value)) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [("0", "0.00"), ("10", "10.00"), ("0.5", "0.50"), ("1.234", "1.234"), ("1234567.8901", "1234567.8901")],
)
def test_money_is_written_with_two_decimals_or_as_many_as_it_has(value: str, text: str):
    assert f"{from_scaled(to_scaled(Decimal(value))):f}" == text


def test_money_for_people_has_its_thousands_apart():
    assert money_words(to_scaled(Decimal("1234567.5")), "EUR") == "1\xa0234\xa0567.50 EUR"
    assert money_words(to_scaled(Decimal(7)), None) == "7.00"
    assert money_words(None, "EUR") == ""


@given(st.text(max_size=6))
def test_a_currency_is_three_letters_or_refused(text: str):
    letters = text.strip().upper()
    if len(letters) == 3 and set(letters) <= set(string.ascii_uppercase):
        assert clean_currency(text) == letters
    else:
        with pytest.raises(BadInput, match="no currency"):
            clean_currency(text)
