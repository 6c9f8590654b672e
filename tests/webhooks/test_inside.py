"""No way leads inside (F06): a table of hosts, names asked of a real name server, rebinding, redirects, allow-list."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
import pytest_asyncio

from tests.support.name_server import NameServer
from tests.support.receiver import Receiver
from tests.webhooks.conftest import Changing, listen, tell, work
from tests.webhooks.hosts import CONFUSING, LITERALS, NAMES, OUTSIDE
from tests.webhooks.test_deliver import attempts, deliveries
from tests.webhooks.test_guard import guarded
from wherefrom.clock import FixedClock
from wherefrom.errors import BadInput
from wherefrom.webhooks.guard import TargetRefused
from wherefrom.webhooks.post import post
from wherefrom.webhooks.url import check_url

ALL_LITERALS = [host for hosts in LITERALS.values() for host in hosts]


class Inside:
    """A service that must never be reached: it listens on 127.0.0.2 and counts who comes."""

    def __init__(self) -> None:
        self.reached = 0

    async def meet(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reached += 1
        writer.close()


@pytest_asyncio.fixture
async def inside(receiver: Receiver) -> AsyncIterator[Inside]:
    """On the receiver's own port, so that a name decides which of the two is called."""
    one = Inside()
    async with await asyncio.start_server(one.meet, "127.0.0.2", receiver.port):
        yield one


@pytest_asyncio.fixture
async def names() -> AsyncIterator[NameServer]:
    async with NameServer({name.rstrip("."): [addresses] for name, addresses in NAMES.items()}) as server:
        yield server


def test_the_table_is_as_long_as_promised():
    assert len(set(ALL_LITERALS)) == len(ALL_LITERALS)
    assert len(ALL_LITERALS) + len(NAMES) >= 60
    assert len(ALL_LITERALS) >= 100


@pytest.mark.parametrize("host", ALL_LITERALS)
async def test_an_inside_host_is_refused_when_it_is_entered_and_when_it_is_called(host: str):
    with pytest.raises(BadInput):
        check_url(f"http://{host}/hook")
    async with guarded(allow=()) as http:
        with pytest.raises((TargetRefused, httpx.InvalidURL)):
            await http.post(f"http://{host}/hook")


@pytest.mark.parametrize("host", NAMES)
async def test_a_name_that_leads_inside_is_refused_whatever_else_it_answers(names: NameServer, host: str):
    assert check_url(f"https://{host}/hook")  # the text alone cannot tell
    async with guarded(allow=(), resolve=names.resolve) as http:
        answer = await post(http, f"https://{host}/hook", {}, b"{}", 15)
    assert (answer.status, answer.fault) == (None, "inside")
    assert "such addresses are not called" in answer.error
    assert names.asked[host.rstrip(".")] == 1


@pytest.mark.parametrize("url", CONFUSING)
async def test_a_url_that_can_be_read_in_two_ways_is_refused_or_read_as_the_outside_one(url: str, names: NameServer):
    with contextlib.suppress(BadInput):
        normal = httpx.URL(check_url(url))
        assert (normal.scheme, normal.host, normal.userinfo) == ("http", "crm.example", b"")
    async with guarded(allow=(), resolve=names.resolve) as http:
        answer = await post(http, url, {}, b"{}", 15)
    assert answer.status is None  # crm.example is no name here: nothing may have been reached


@pytest.mark.parametrize("host", OUTSIDE)
def test_their_neighbours_may_be_called(host: str):
    assert check_url(f"https://{host}/hook").startswith("https://")


async def test_a_name_that_turns_inside_between_two_questions_reaches_only_what_was_tested(
    receiver: Receiver, inside: Inside
):
    """The outside is 127.0.0.1 here, by the allow-list; 127.0.0.2 is the inside."""
    async with (
        NameServer({"rebind.example": [["127.0.0.1"], ["127.0.0.2"]]}) as names,
        guarded(allow=("127.0.0.1/32",), resolve=names.resolve) as http,
    ):
        url = f"http://rebind.example:{receiver.port}/"
        first = await post(http, url, {"connection": "close"}, b"{}", 15)
        assert (first.status, names.asked["rebind.example"]) == (200, 1)  # asked once: tested is what is called
        second = await post(http, url, {}, b"{}", 15)
    assert (second.fault, "127.0.0.2" in second.error) == ("inside", True)
    assert (len(receiver.requests), inside.reached) == (1, 0)


async def test_rebinding_fails_the_attempt_and_a_name_that_turns_back_gets_its_letter(
    changing: Changing, receiver: Receiver, inside: Inside, clock: FixedClock
):
    turns = [["127.0.0.2"], ["127.0.0.1", "127.0.0.2"], ["127.0.0.1"]]
    async with (
        NameServer({"rebind.example": turns}) as names,
        changing(resolve=names.resolve, allow=("127.0.0.1/32",)) as services,
    ):
        await listen(services, f"http://rebind.example:{receiver.port}/hook")
        await tell(services, 5)
        for _ in turns:
            await work(services)
            clock.advance(timedelta(minutes=6))
        [one] = await deliveries(services)
        tries = await attempts(services, one)
    assert [("127.0.0.2" in each.error, each.status_code) for each in tries] == [
        (True, None), (True, None), (False, 200),
    ]  # fmt: skip
    assert (one.status, len(receiver.requests), inside.reached) == ("delivered", 1, 0)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("how", ["by address", "by name", "without scheme", "to itself"])
async def test_no_redirect_leads_inside_or_anywhere(receiver: Receiver, inside: Inside, status: int, how: str):
    target = {
        "by address": f"http://127.0.0.2:{receiver.port}/",
        "by name": f"http://inside.example:{receiver.port}/",
        "without scheme": f"//127.0.0.2:{receiver.port}/",
        "to itself": "/other",
    }[how]
    receiver.redirect(target, status)
    async with (
        NameServer({"crm.example": [["127.0.0.1"]], "inside.example": [["127.0.0.2"]]}) as names,
        guarded(allow=("127.0.0.0/8",), resolve=names.resolve) as http,  # even where inside is open
    ):
        answer = await post(http, f"http://crm.example:{receiver.port}/", {}, b"{}", 15)
    assert (answer.status, answer.fault) == (status, "status")
    assert target in answer.error
    assert ([one.path for one in receiver.requests], inside.reached) == (["/"], 0)
    assert names.asked == {"crm.example": 1}


async def test_the_allow_list_opens_the_inside_target_it_names_and_not_its_neighbour(
    receiver: Receiver, inside: Inside
):
    async with (
        NameServer({"crm.inside": [["127.0.0.1"]], "db.inside": [["127.0.0.2"]]}) as names,
        guarded(allow=("127.0.0.1/32", "10.20.0.0/16", "fd00:1::/64"), resolve=names.resolve) as http,
    ):
        good = await post(http, f"http://crm.inside:{receiver.port}/", {}, b"{}", 15)
        bad = await post(http, f"http://db.inside:{receiver.port}/", {}, b"{}", 15)
    assert (good.status, bad.fault, inside.reached) == (200, "inside", 0)
