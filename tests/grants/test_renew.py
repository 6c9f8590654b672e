"""Tokens that are good when they are needed: renewed in time, by one at a time, never after the grant has ended."""

import asyncio
import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from tests.grants.connecting import connected, with_oauth
from tests.inbox.watching import until
from tests.support.oauth_server import OauthServer
from tests.support.receiver import Receiver
from wherefrom.clock import FixedClock
from wherefrom.events.snapshots import MailboxDisconnected
from wherefrom.events.store import list_events
from wherefrom.events.types import EventType
from wherefrom.grants.renew import Owner, note_accepted, replace_token, valid_token
from wherefrom.grants.store import Grant, claim_grant, find_grant
from wherefrom.inbox.account import owner_of
from wherefrom.mail.failures import Throttled
from wherefrom.mail.oauth_failures import ClientRefused, GrantEnded, TokenServerDown
from wherefrom.services import Services
from wherefrom.settings import Oauth
from wherefrom.webhooks.guard import client as guarded_client

ANNA = "anna@company.example"
HOUR = timedelta(hours=1)


@pytest_asyncio.fixture
async def site(services: Services, oauth: OauthServer) -> Services:
    return replace(services, settings=with_oauth(services.settings, oauth))


@pytest_asyncio.fixture
async def owner(site: Services, oauth: OauthServer) -> Owner:
    """A mailbox that was connected just now, with a token for an hour."""
    return owner_of(await connected(site, oauth, ANNA))


async def stored(services: Services, owner: Owner) -> Grant:
    async with services.db.read() as tx:
        found = await find_grant(tx, owner.site_id, owner.mailbox_id)
    assert found is not None
    return found


async def events(services: Services) -> list[Any]:
    async with services.db.read() as tx:
        return await list_events(tx, 1, type=EventType.MAILBOX_DISCONNECTED)


async def test_a_token_is_kept_until_five_minutes_before_its_end(
    site: Services, owner: Owner, oauth: OauthServer, clock: FixedClock
) -> None:
    first = await valid_token(site, owner)
    clock.advance(timedelta(minutes=54))
    assert await valid_token(site, owner) == first
    clock.advance(timedelta(minutes=2))
    second = await valid_token(site, owner)
    assert second != first
    assert await valid_token(site, owner) == second
    assert len(oauth.refreshes) == 1


async def test_a_rotated_refresh_token_is_the_next_one_used(
    site: Services, owner: Owner, oauth: OauthServer, clock: FixedClock
) -> None:
    for _ in range(3):
        clock.advance(HOUR)
        await valid_token(site, owner)
    used = [form["refresh_token"] for form in oauth.refreshes]
    assert len(set(used)) == 3


async def test_a_refresh_token_that_is_not_replaced_stays(
    site: Services, owner: Owner, oauth: OauthServer, clock: FixedClock
) -> None:
    oauth.rotates = False
    for _ in range(2):
        clock.advance(HOUR)
        await valid_token(site, owner)
    used = [form["refresh_token"] for form in oauth.refreshes]
    assert len(used) == 2
    assert len(set(used)) == 1


async def test_while_the_token_server_is_away_a_good_token_stays_in_use(
    site: Services, owner: Owner, oauth: OauthServer, clock: FixedClock
) -> None:
    first = await valid_token(site, owner)
    oauth.mode = "down"
    clock.advance(timedelta(minutes=57))
    assert await valid_token(site, owner) == first
    clock.advance(timedelta(minutes=4))
    with pytest.raises(TokenServerDown, match="502"):
        await valid_token(site, owner)
    oauth.mode = "busy"
    with pytest.raises(Throttled) as caught:
        await valid_token(site, owner)
    assert caught.value.wait_seconds == 120
    oauth.mode = "well"
    assert await valid_token(site, owner) != first
    assert await events(site) == []


async def test_what_was_taken_back_ends_the_grant_with_one_event_and_no_further_question(
    site: Services, owner: Owner, oauth: OauthServer, clock: FixedClock
) -> None:
    oauth.end_grants()
    clock.advance(HOUR)
    for _ in range(3):
        with pytest.raises(GrantEnded, match="Token has been expired or revoked") as caught:
            await valid_token(site, owner)
        assert "Connect this mailbox again" in caught.value.hint
    assert len(oauth.refreshes) == 1
    (event,) = await events(site)
    told = event.read_as(MailboxDisconnected)
    assert (event.subject_id, told.username, told.provider) == (owner.mailbox_id, ANNA, "custom")
    assert "revoked" in told.reason
    await connected(site, oauth, ANNA)
    assert await valid_token(site, owner)


async def test_many_who_need_a_token_at_once_ask_for_one(
    site: Services, owner: Owner, oauth: OauthServer, clock: FixedClock
) -> None:
    oauth.mode = "slow"
    clock.advance(HOUR)
    tokens = await asyncio.gather(*(valid_token(site, owner) for _ in range(8)))
    assert len(set(tokens)) == 1
    assert len(oauth.refreshes) == 1


async def test_who_waits_for_another_s_question_hears_that_it_failed(
    site: Services, owner: Owner, oauth: OauthServer, clock: FixedClock
) -> None:
    oauth.mode = "slow"
    oauth.end_grants()
    clock.advance(HOUR)
    found = await asyncio.gather(*(valid_token(site, owner) for _ in range(3)), return_exceptions=True)
    assert [type(one) for one in found] == [GrantEnded] * 3
    assert len(await events(site)) == 1


async def test_the_claim_of_a_process_that_died_runs_out(
    site: Services, owner: Owner, oauth: OauthServer, clock: FixedClock
) -> None:
    clock.advance(HOUR)
    async with site.db.write() as tx:
        assert await claim_grant(tx, await stored(site, owner), clock.now(), clock.now() + timedelta(seconds=60))
    clock.advance(timedelta(seconds=61))
    await valid_token(site, owner)
    assert len(oauth.refreshes) == 1


async def test_an_answer_is_kept_though_whoever_asked_is_gone(
    site: Services, owner: Owner, oauth: OauthServer, clock: FixedClock
) -> None:
    before = await stored(site, owner)
    oauth.mode = "slow"
    clock.advance(HOUR)
    asking = asyncio.create_task(valid_token(site, owner))

    async def asked() -> bool:
        return len(oauth.refreshes) == 1

    async def kept() -> bool:
        return (await stored(site, owner)).refresh_token != before.refresh_token

    await until(asked, "request")
    asking.cancel()
    await until(kept, "new token")
    oauth.mode = "well"
    clock.advance(HOUR)
    assert await valid_token(site, owner)  # the rotated token was not lost: the old one would have ended the grant


async def test_connecting_again_wins_over_a_renewal_under_way(
    site: Services, owner: Owner, oauth: OauthServer, clock: FixedClock
) -> None:
    clock.advance(HOUR)
    oauth.mode = "slow"
    asking = asyncio.create_task(valid_token(site, owner))

    async def asked() -> bool:
        return len(oauth.refreshes) == 1

    await until(asked, "request")
    oauth.mode = "well"
    await connected(site, oauth, ANNA)
    fresh = site.tokens.decrypt((await stored(site, owner)).access_token)
    assert await asking == fresh
    assert await valid_token(site, owner) == fresh


async def test_a_refused_token_is_replaced_once_until_one_is_taken(
    site: Services, owner: Owner, oauth: OauthServer
) -> None:
    first = await valid_token(site, owner)
    second = await replace_token(site, owner, first)
    assert second not in (None, first)
    assert await replace_token(site, owner, first) == second  # somebody else met the same refusal
    assert await replace_token(site, owner, second or "") is None
    assert len(oauth.refreshes) == 1
    await note_accepted(site, owner)
    assert await replace_token(site, owner, second or "") not in (None, second)
    assert len(oauth.refreshes) == 2


async def test_a_token_server_that_says_nothing_is_given_up_in_time_and_asked_again(
    site: Services, owner: Owner, oauth: OauthServer, clock: FixedClock
) -> None:
    clock.advance(HOUR)
    hooks = msgspec.structs.replace(site.settings.webhooks, timeout_seconds=1)
    async with guarded_client(msgspec.structs.replace(site.settings, webhooks=hooks)) as http:
        oauth.mode = "hang"
        with pytest.raises(TokenServerDown, match="no answer within 1 seconds"):
            await valid_token(replace(site, http=lambda: http), owner)
    oauth.mode = "well"
    assert await valid_token(site, owner)  # the claim was given back


async def test_a_redirect_of_the_token_server_is_not_followed(
    site: Services, owner: Owner, receiver: Receiver, clock: FixedClock
) -> None:
    receiver.redirect("http://127.0.0.1:1/elsewhere", 307)
    elsewhere = msgspec.structs.replace(site.settings.oauth.custom, token_url=f"{receiver.url}/token")
    moved = msgspec.structs.replace(site.settings, oauth=Oauth(custom=elsewhere))
    clock.advance(HOUR)
    with pytest.raises(TokenServerDown, match="answered 307"):
        await valid_token(replace(site, settings=moved), owner)
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("seed", [3])
async def test_whatever_happens_no_refresh_token_is_used_twice_and_there_is_a_token_when_the_server_is_well(
    site: Services, owner: Owner, oauth: OauthServer, clock: FixedClock, seed: int
) -> None:
    chance = random.Random(seed)
    for _ in range(14):
        oauth.mode = chance.choice(("well", "well", "slow", "down", "busy", "garbage"))
        if chance.random() < 0.5:
            clock.advance(HOUR)
        tasks = [asyncio.create_task(valid_token(site, owner)) for _ in range(chance.randint(1, 4))]
        if chance.random() < 0.3:
            refused = site.tokens.decrypt((await stored(site, owner)).access_token)
            tasks.append(asyncio.create_task(replace_token(site, owner, refused)))
        if chance.random() < 0.3:
            await asyncio.sleep(0)
            tasks[0].cancel()
        for found in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(found, str | TokenServerDown | Throttled | asyncio.CancelledError | None), found
        if chance.random() < 0.3:
            await note_accepted(site, owner)
    oauth.mode = "well"
    clock.advance(HOUR)
    assert oauth.user_of(await valid_token(site, owner)) == ANNA
    assert oauth.reused == 0
    assert await events(site) == []


async def test_a_client_that_left_the_settings_is_told_and_does_not_end_the_grant(
    site: Services, owner: Owner, oauth: OauthServer, clock: FixedClock
) -> None:
    clock.advance(HOUR)
    bare = replace(site, settings=with_oauth(site.settings, oauth))
    bare = replace(bare, settings=type(bare.settings)(webhooks=bare.settings.webhooks, oauth=Oauth()))
    with pytest.raises(ClientRefused, match="no custom provider is set up"):
        await valid_token(bare, owner)
    assert await valid_token(site, owner)
    assert await events(site) == []
