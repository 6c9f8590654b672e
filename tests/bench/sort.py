"""How many stored letters a second are sorted (parsed, matched, written, told), beside parsing alone in the same run.

    python -m tests.bench.sort [--letters 600] [--rounds 3] [--json FILE]

Letters of 35 kB on average: half to a code that was given out, a fifth in threads, the rest from strangers. Each round
has a database of its own, and parses the same letters alone before it.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from tests.bench.figures import Row, add_json_option, hand_in
from tests.support.full_mailbox import make_letters
from wherefrom.app import TAKERS, open_services
from wherefrom.db.migrate import upgrade
from wherefrom.inbox.sort import Sorting
from wherefrom.inbox.store import messages
from wherefrom.mail.parse import parse_letter
from wherefrom.services import Services
from wherefrom.settings import Data, DatabaseGroup, Settings
from wherefrom.substitution.add import add_target
from wherefrom.substitution.lend import lend
from wherefrom.substitution.target import Options

_MAILBOX, _FOLDER = 1, 2


async def store_letters(services: Services, count: int) -> None:
    """As the synchronizer leaves them, with visits that hold the codes of every other one."""
    target = await add_target(services, 1, "sales@company.example", Options())
    now = services.clock.now() - timedelta(hours=1)
    codes = []
    for start in range(0, count // 2 + 1, 200):
        async with services.db.write() as tx:
            for visit in range(start + 1, min(start + 201, count // 2 + 2)):
                (lent,) = await lend(
                    tx, now=now, ids=services.ids, site_id=1, visit_id=visit, visitor_id=visit,
                    found=[target.address], settings=services.settings,
                )  # fmt: skip
                codes.append(lent.address)
    rows = []
    for number, raw in enumerate(make_letters(count, codes)):
        rows.append(
            {
                "site_id": 1, "id": services.ids.next(), "mailbox_id": _MAILBOX, "folder_id": _FOLDER,
                "folder_kind": "inbox", "uidvalidity": 1, "uid": number + 1, "size": len(raw), "truncated": False,
                "sha256": await services.blobs.put(raw), "arrived_at": services.clock.now(),
                "stored_at": services.clock.now(),
            }
        )  # fmt: skip
    async with services.db.write() as tx:
        await messages.add_messages(tx, rows)


async def sort_all(settings: Settings, count: int) -> float:
    """Letters a second."""
    async with open_services(settings) as services:
        await store_letters(services, count)
        sorting = Sorting(services, TAKERS)
        begun = time.perf_counter()
        while await sorting.step():
            pass
        return count / (time.perf_counter() - begun)


def parse_all(letters: list[bytes]) -> float:
    """Letters a second, with their files decoded."""
    begun = time.perf_counter()
    for raw in letters:
        for one in parse_letter(raw).attachments:
            len(one.content)
    return len(letters) / (time.perf_counter() - begun)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--letters", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=3)
    add_json_option(parser)
    options = parser.parse_args()
    letters = list(make_letters(options.letters, ()))
    parsed, sorted_ = [], []
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder)
            settings = Settings(
                database=DatabaseGroup(url=f"sqlite:///{home}/wherefrom.db"),
                data=Data(folder=str(home), key_file=str(home / "key")),
            )
            asyncio.run(upgrade(settings.database.url))
            parsed.append(parse_all(letters))
            sorted_.append(asyncio.run(sort_all(settings, options.letters)))
    print(f"parsed alone  {statistics.median(parsed):8.0f} letters/s")
    print(f"sorted        {statistics.median(sorted_):8.0f} letters/s")
    ratio, bare = statistics.median(sorted_) / statistics.median(parsed), statistics.median(parsed)
    print(f"ratio         {ratio:8.2f}")
    row = Row("letters sorted", statistics.median(sorted_), "/s", against=f"parsing alone, {bare:,.0f}/s", ratio=ratio)
    hand_in([row], options.json)


if __name__ == "__main__":
    main()
