"""Signs between two pages: what they extend, what is kept of them, what is not believed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.visits.stage import PAGE, SALES, Stage
from wherefrom.clock import FixedClock
from wherefrom.errors import BadInput, Forbidden, NotFound
from wherefrom.sites.add import set_site
from wherefrom.substitution.store.leases import find_holders
from wherefrom.visits import trail_store
from wherefrom.visits.known import FRESH
from wherefrom.visits.signals import MOST_INTENTS
from wherefrom.visits.tables import intent, visit


async def test_a_heartbeat_keeps_visit_and_lease_alive_and_is_not_kept_itself(stage: Stage, clock: FixedClock) -> None:
    answer = await stage.show(addresses=[SALES])
    clock.advance(timedelta(minutes=10))
    reply = await stage.sign("heartbeat", answer.token)
    assert (reply.value, reply.own) == (None, True)
    assert (await stage.rows(visit))[0]["last_seen_at"] == clock.now()
    async with stage.services.db.read() as tx:
        (holder,) = await find_holders(tx, stage.site.id, [answer.substitutes[SALES].address])
    assert (holder.last_seen_at, holder.expires_at) == (clock.now(), clock.now() + timedelta(minutes=15))
    assert await stage.rows(intent) == []


async def test_heartbeats_carry_a_visit_over_the_idle_time(stage: Stage, clock: FixedClock) -> None:
    answer = await stage.show()
    for _ in range(3):
        clock.advance(timedelta(minutes=20))
        await stage.sign("heartbeat", answer.token)
    assert not (await stage.again(answer)).new


@pytest.mark.parametrize("kind", ["visible", "mailto", "copy", "select"])
async def test_an_intent_is_kept_with_address_page_and_time(stage: Stage, clock: FixedClock, kind: str) -> None:
    answer = await stage.show(addresses=[SALES])
    shown = answer.substitutes[SALES].address
    clock.advance(timedelta(minutes=1))
    await stage.sign(kind, answer.token, address=shown, page=PAGE + "\x00#contact")
    async with stage.services.db.read() as tx:
        (sign,) = await trail_store.list_intents(tx, stage.site.id, int(answer.visit or 0))
    assert sign == trail_store.Intent(kind, shown, PAGE + " #contact", clock.now())
    assert (await stage.rows(visit))[0]["last_seen_at"] == clock.now()


@pytest.mark.parametrize("address", [None, "", "no address", "a@" + "b" * 300])
async def test_an_intent_without_an_address_is_a_sign_of_life_alone(
    stage: Stage, clock: FixedClock, address: str | None
) -> None:
    answer = await stage.show()
    clock.advance(timedelta(minutes=1))
    assert (await stage.sign("copy", answer.token, address=address)).value is None
    assert await stage.rows(intent) == []
    assert (await stage.rows(visit))[0]["last_seen_at"] == clock.now()


async def test_a_flood_of_intents_is_bounded(stage: Stage) -> None:
    answer = await stage.show()
    sign = trail_store.Intent("select", SALES, PAGE, stage.services.clock.now())
    async with stage.services.db.write() as tx:
        for _ in range(MOST_INTENTS - 1):
            await trail_store.append_intent(tx, stage.site.id, stage.services.ids.next(), 1, sign)
    for _ in range(3):
        await stage.sign("copy", answer.token, address=SALES)
    assert len(await stage.rows(intent)) == MOST_INTENTS


async def test_a_sign_for_no_visit_of_ours_is_answered_alike_and_counted(stage: Stage) -> None:
    answer = await stage.show()
    gone = stage.services.tokens.sign("visit", f"{stage.site.id}:999")
    for token in (None, "", "forged", answer.visitor, gone):
        assert (await stage.sign("mailto", token, address=SALES)).value is None
    assert await stage.drops() == {(stage.site.id, "bad_token"): 5}
    assert await stage.rows(intent) == []


async def test_a_sign_is_refused_like_a_page_when_it_is_not_the_sites(stage: Stage, clock: FixedClock) -> None:
    token = (await stage.show()).token
    foreign = await stage.sign("copy", token, origin="https://evil.test", address=SALES)
    assert (type(foreign.value), foreign.own) == (Forbidden, False)
    wrong = await stage.sign("click", token)
    assert (type(wrong.value), wrong.own) == (BadInput, True)
    await set_site(stage.services, stage.site.id, enabled=False)
    clock.advance(FRESH)
    assert (await stage.sign("copy", token, address=SALES)).value is None
    stage.site = type(stage.site)(1, "wf_nobody", "x", True, (), "", clock.now())
    assert isinstance((await stage.sign("copy", token)).value, NotFound)
    assert await stage.rows(intent) == []
    reasons = {reason: count for (_, reason), count in (await stage.drops()).items()}
    assert reasons == {"foreign_origin": 1, "bad_json": 1, "site_off": 1, "unknown_site": 1}
