"""B01: what pools of other sizes would have made of a site's own last days."""

from datetime import timedelta

from tests.inbox.letters import Post, letter
from tests.substitution.samples import MINUTE, Desk, pool_text
from tests.support.management import management_api
from wherefrom.services import Services
from wherefrom.simulation.api import OPERATIONS
from wherefrom.simulation.curve import find_curve
from wherefrom.simulation.store import list_recorded
from wherefrom.sites.add import add_site

DAY = timedelta(days=1)


async def _busy_minute(services: Services, site_id: int = 1) -> tuple[Desk, int]:
    """Four visits at once; the first clicks and writes, the last finds the pool of three empty."""
    desk = Desk(services, site_id)
    post = await Post.open(services, site_id)
    target = await desk.add(strategy="pool", pool=pool_text(3))
    addresses = []
    for number in (1, 2, 3, 4):
        await post.rows.visit(number)
        addresses.append(await desk.lend(number))
    await post.rows.intent(1, "select", addresses[0] or "")
    await post.rows.intent(1, "mailto", addresses[0] or "")
    desk.wait(4 * MINUTE)
    detail = await post.receive(letter(addresses[0] or "", at=desk.clock.now()), at=desk.clock.now())
    assert detail.row.visit_id == 1
    return desk, target.id


async def test_b01_the_recorded_traffic_is_who_saw_used_and_wrote(services: Services) -> None:
    desk, target_id = await _busy_minute(services)
    now = desk.clock.now()
    async with services.db.read() as tx:
        found = await list_recorded(tx, 1, target_id, now - DAY, now + DAY)
        assert await list_recorded(tx, 2, target_id, now - DAY, now + DAY) == []
        assert await list_recorded(tx, 1, target_id, now + DAY, now + 2 * DAY) == []
    assert len(found) == 4, "the one who found nothing free is among them"
    (writer,) = [one for one in found if one.wrote_at is not None]
    assert writer.intent == "mailto"
    assert (writer.wrote_at or 0) - (writer.intent_at or 0) == 240
    assert sum(one.intent == "" for one in found) == 3


async def test_b01_a_larger_pool_serves_those_who_found_nothing_free(services: Services) -> None:
    _, target_id = await _busy_minute(services)
    curve = await find_curve(services, 1, target_id, sizes=[5, 1])
    assert (curve.visits, curve.recommended) == (4, 5)
    assert [(one.size, one.letters) for one in curve.outcomes] == [(1, 1), (5, 1)]
    assert curve.outcomes[1].right == 1
    usual = await find_curve(services, 1, target_id)
    assert [one.size for one in usual.outcomes] == [2, 4, 5, 8, 10, 20]


async def test_b01_a_site_without_traffic_has_an_empty_curve(services: Services) -> None:
    target = await Desk(services).add(strategy="pool", pool=pool_text(3))
    curve = await find_curve(services, 1, target.id)
    assert curve.visits == 0
    assert all(one.letters == 0 for one in curve.outcomes)


async def test_b01_the_api_tells_the_curve_and_names_wrong_sizes(services: Services) -> None:
    site = await add_site(services, "shop", ["company.com"])
    _, target_id = await _busy_minute(services, site.id)
    async with management_api(services, OPERATIONS) as api:
        path = f"/sites/shop/targets/{target_id}/pool/curve"
        told = (await api.get(path, params={"sizes": "4, 8"})).json()
        assert [(one["size"], one["letters"], one["right"]) for one in told["sizes"]] == [(4, 1, 1), (8, 1, 1)]
        for wrong in ("0", "four", "1,2,3,4,5,6,7,8,9,10,11", "99999"):
            answer = await api.get(path, params={"sizes": wrong})
            assert (answer.status_code, answer.json()["field"]) == (400, "sizes")
