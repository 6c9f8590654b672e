"""Three days without a receiver, by the clock: nothing is lost (F05)."""

import random
from collections import Counter
from datetime import datetime, timedelta

from standardwebhooks import Webhook

from tests.support.receiver import Receiver
from tests.webhooks.conftest import listen, tell, work
from tests.webhooks.test_deliver import deliveries, endpoint, notices
from wherefrom.clock import FixedClock
from wherefrom.services import Services
from wherefrom.webhooks.deliver import Courier
from wherefrom.webhooks.store.due import find_next_due

DOWN = timedelta(hours=72)
LETTERS = 18


async def move_to_next_moment(services: Services, clock: FixedClock, at_the_latest: datetime) -> None:
    async with services.db.read() as tx:
        due = await find_next_due(tx, clock.now())
    clock.advance(min(due or at_the_latest, at_the_latest) - clock.now())


async def test_72_hours_without_a_receiver_lose_nothing(services: Services, receiver: Receiver, clock: FixedClock):
    """A letter each four hours while nothing listens: all are there in the end, once each, signed anew, under the ids
    they were given, and the endpoint was never switched off."""
    added = await listen(services, receiver.url)
    dice = random.Random(72)
    courier = Courier(services, chance=dice.random)
    receiver.stop()
    start, told = clock.now(), 0
    while clock.now() < start + DOWN:
        if clock.now() >= start + told * DOWN / LETTERS:
            await tell(services, told)
            told += 1
        await work(services, courier)
        await move_to_next_moment(services, clock, start + min(told * DOWN / LETTERS, DOWN))
    assert told == LETTERS
    waiting = await deliveries(services)
    assert Counter(one.status for one in waiting) == {"pending": LETTERS}
    assert receiver.requests == []
    receiver.start()
    back = clock.now()
    while any(one.status == "pending" for one in await deliveries(services)):
        await work(services, courier)
        await move_to_next_moment(services, clock, clock.now() + timedelta(hours=1))
        assert clock.now() - back < timedelta(hours=30)  # the last step of the schedule, jitter and all
    assert Counter(one.status for one in await deliveries(services)) == {"delivered": LETTERS}
    ids = Counter(request.headers["webhook-id"] for request in receiver.requests)
    assert ids == Counter(f"msg_{one.id}" for one in waiting)
    subjects = {request.json()["data"]["message"]["id"] for request in receiver.requests}
    assert subjects == {str(number) for number in range(LETTERS)}
    last = receiver.requests[-1]
    assert last.headers["webhook-signature"] == Webhook(added.secret).sign(
        last.headers["webhook-id"],
        datetime.fromtimestamp(int(last.headers["webhook-timestamp"]), tz=clock.now().tzinfo),
        last.body.decode(),
    )
    assert (await endpoint(services, added.endpoint.id)).status == "enabled"
    assert await notices(services) == []
