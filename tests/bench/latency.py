"""How long from "the mail server has taken the letter" to "the CRM has the POST".

    python -m tests.bench.latency [--letters 100] [--json FILE]

Dovecot, the service (a process of its own, SQLite) and the receiver run on this machine. The ceiling, measured in the
same run, is how long Dovecot takes to tell a bare IDLE client of a letter: nothing built on IDLE can be faster.
Letters come one at a time at odd moments, so that none rides on another's notice.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from pathlib import Path

import httpx

from tests.acceptance.letters import write_letter
from tests.acceptance.service import Service
from tests.acceptance.stage import Stage, set_up
from tests.bench.figures import Row, add_json_option, hand_in
from tests.support.dovecot import Dovecot
from tests.support.receiver import Receiver
from wherefrom.db.migrate import upgrade

DOMAIN = "bench.example"


async def ask_for_a_substitute(stage: Stage) -> str:
    """A visit as the script reports it."""
    visit = {"site": stage.key, "page": "http://shop.example/?utm_source=bench", "addresses": [stage.address]}
    headers = {"origin": "http://shop.example", "content-type": "text/plain"}
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    async with httpx.AsyncClient(trust_env=False, headers={**headers, "user-agent": agent}) as client:
        answer = await client.post(stage.service.url + "/v1/visits", json=visit)
    address: str = answer.json()["substitutes"][stage.address]["address"]
    return address


async def to_the_crm(stage: Stage, letters: int) -> list[float]:
    """Seconds from LMTP's acceptance to the POST, for each letter."""
    substitute = await ask_for_a_substitute(stage)
    took = []
    for number in range(letters):
        await asyncio.sleep(random.uniform(0, 0.4))
        raw, _ = write_letter(substitute, f"letter {number}")
        await asyncio.to_thread(stage.dovecot.deliver, substitute, raw)
        accepted = time.monotonic()
        await stage.receiver.next(30)
        took.append(time.monotonic() - accepted)
    return took


def to_a_bare_client(dovecot: Dovecot, letters: int) -> list[float]:
    """Seconds from LMTP's acceptance to Dovecot's EXISTS, for each letter."""
    account = dovecot.add_user()
    took = []
    with dovecot.imap(account) as client:
        client.select_folder("INBOX", readonly=True)
        for number in range(letters):
            client.idle()
            time.sleep(random.uniform(0, 0.4))
            dovecot.deliver(account.address, write_letter(account.address, f"letter {number}")[0])
            accepted = time.monotonic()
            while not client.idle_check(timeout=30):
                pass
            took.append(time.monotonic() - accepted)
            client.idle_done()
    return took


def tell(name: str, took: list[float]) -> float:
    """Prints and answers the median."""
    median, p99 = statistics.median(took), statistics.quantiles(took, n=100)[98]
    print(f"{name:<34} median {median * 1000:6.0f} ms   p99 {p99 * 1000:6.0f} ms   ({len(took)} letters)")
    return median


async def main(letters: int, json: Path | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        dovecot, receiver = Dovecot(), Receiver()
        service = Service(Path(folder), f"sqlite:///{folder}/bench.db")
        try:
            dovecot.start()
            receiver.start()
            await upgrade(service.database_url)
            stage = await set_up(service, dovecot, receiver, "plus", DOMAIN)
            await service.start()
            ours = tell("delivered → POST received", await to_the_crm(stage, letters))
            ceiling = tell(
                "delivered → bare IDLE client told", await asyncio.to_thread(to_a_bare_client, dovecot, letters)
            )
            print(f"ratio of the medians: {ours / ceiling:.2f}")
            bare = f"a bare IDLE client, {ceiling * 1000:.0f} ms"
            hand_in(
                [
                    Row("letter delivered → POST received, median", ours, "s", most=1.0),
                    Row("the same, by the server's notice", ours * 1000, "ms", against=bare, ratio=ours / ceiling),
                ],
                json,
            )
        finally:
            service.kill()
            receiver.stop()
            dovecot.remove()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--letters", type=int, default=100)
    add_json_option(parser)
    given = parser.parse_args()
    asyncio.run(main(given.letters, given.json))
