"""How fast a mailbox is taken over, beside mbsync (which only copies) and a bare client (which throws the bytes away).

    python -m tests.bench.sync [--letters 3000] [--rounds 1] [--news 20] [--json FILE]

The same Dovecot, the same letters (35 kB on average; ``--letters 20000`` for the figures in the documents), the same
run. Wherefrom's pull ends when every letter's bytes are on the disk, and it is parsed, matched and committed. Then ten
new letters come into the full box; then letters come one at a time, and what Wherefrom adds after the server's notice
is measured against a bare IDLE client of the same account. CPU is that of the clients alone.

Beside Wherefrom's figures stands where its processor time goes, by thread.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from tests.acceptance.letters import write_letter
from tests.bench.figures import Row, add_json_option, hand_in
from tests.inbox.rows import Rows
from tests.support.dovecot import Account, Dovecot
from tests.support.full_mailbox import FIRST, fill, make_letters
from tests.support.receiver import Receiver
from wherefrom.app import TAKERS, background, open_services
from wherefrom.db import Database, insert
from wherefrom.db.migrate import upgrade
from wherefrom.inbox.mailbox import AddMailbox, FolderChoice, add_mailbox
from wherefrom.inbox.sort import Sorting
from wherefrom.inbox.sync import sync_once
from wherefrom.inbox.tables import message
from wherefrom.management import invoke
from wherefrom.services import Services
from wherefrom.settings import load_settings
from wherefrom.substitution.add import add_target
from wherefrom.substitution.lend import lend
from wherefrom.substitution.target import Options
from wherefrom.supervise import Resident, Supervisor
from wherefrom.visits.tables import visit
from wherefrom.web.serve import prepare_process

SITE = 1
TICKS = os.sysconf("SC_CLK_TCK")
NEW = 10
PULL_GOAL, NEWS_GOAL = 0.5, 150  # of mbsync; milliseconds


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds on the clock, and of the client's processors."""

    wall: float
    cpu: float


# ---------------------------------------------------------------------------------------------- the others


def pull_by_mbsync(dovecot: Dovecot, account: Account, folder: Path) -> Took:
    config = folder / "mbsyncrc"
    config.write_text(
        f"FSync yes\n\nIMAPAccount bench\nHost 127.0.0.1\nPort {dovecot.imap_port}\nUser {account.user}\n"
        f'Pass "{account.password}"\nSSLType None\nAuthMechs LOGIN\n\nIMAPStore far\nAccount bench\n\n'
        f"MaildirStore near\nPath {folder}/copy/\nInbox {folder}/copy/INBOX\n\n"
        "Channel bench\nFar :far:\nNear :near:\nPatterns INBOX\nSync Pull\nCreate Near\nSyncState *\n"
    )
    (folder / "copy").mkdir(exist_ok=True)
    begun = time.perf_counter()
    process = subprocess.Popen(["mbsync", "-q", "-c", str(config), "bench"])
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, "mbsync failed"
    return Took(time.perf_counter() - begun, usage.ru_utime + usage.ru_stime)


def pull_by_imapclient(dovecot: Dovecot, account: Account, after: int = 0) -> Took:
    begun, used = time.perf_counter(), time.process_time()
    with dovecot.imap(account) as client:
        client.select_folder("INBOX", readonly=True)
        uids = [uid for uid in client.search(["UID", f"{after + 1}:*"]) if uid > after]
        for start in range(0, len(uids), 200):
            client.fetch(uids[start : start + 200], ["BODY.PEEK[]"])
    return Took(time.perf_counter() - begun, time.process_time() - used)


# ---------------------------------------------------------------------------------------------- Wherefrom


@dataclass(slots=True)
class Home:
    """An installation in ``folder``."""

    folder: Path
    database_url: str = ""

    def __post_init__(self) -> None:
        self.database_url = self.database_url or f"sqlite:///{self.folder}/bench.db"
        (self.folder / "settings.toml").write_text(
            f'[database]\nurl = "{self.database_url}"\n[data]\nfolder = "{self.folder}"\n'
            f'key_file = "{self.folder}/key"\n[webhooks]\nallow = ["127.0.0.0/8"]\n'
        )

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[Services]:
        async with open_there(self.folder) as services:
            yield services


@contextlib.asynccontextmanager
async def open_there(folder: Path) -> AsyncIterator[Services]:
    """The services of the installation in ``folder``."""
    async with open_services(load_settings(folder / "settings.toml", {})) as services:
        yield services


async def give_out_codes(services: Services, count: int) -> list[str]:
    """Codes of a plus target, each held by a visit."""
    rows = Rows(services)
    await rows.site()
    await rows.visit(1)
    target = await add_target(services, SITE, "sales@company.example", Options())
    now, codes = FIRST - timedelta(hours=1), []
    async with services.db.write() as tx:
        example = dict((await tx.execute(select(visit))).one()._mapping)
        for number in range(2, count + 2):
            await tx.execute(insert(tx, visit).values({**example, "id": number, "visitor_id": number}))
            (lent,) = await lend(
                tx, now=now, ids=services.ids, site_id=SITE, visit_id=number, visitor_id=number,
                found=[target.address], settings=services.settings,
            )  # fmt: skip
            codes.append(lent.address)
    return codes


async def connect(services: Services, dovecot: Dovecot, account: Account) -> int:
    wanted = AddMailbox(
        host="127.0.0.1", port=dovecot.imap_port, security="none", username=account.user, password=account.password,
        since="all", folders=(FolderChoice(name="INBOX"),),
    )  # fmt: skip
    return (await add_mailbox(services, SITE, wanted)).id


@contextlib.contextmanager
def working(home: Home, tell: int = 0) -> Iterator[int]:
    """The service's background work in a process of its own, which is told to begin; its id."""
    command = [sys.executable, "-m", "tests.bench.sync", "--work", str(home.folder), "--letters", str(tell)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    try:
        process.stdin.write("go\n")
        process.stdin.flush()
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        sys.stdout.write(process.stdout.read())
        process.wait(30)


async def pull_by_wherefrom(home: Home, letters: int) -> Took:
    database = Database(home.database_url)
    try:
        with working(home, letters) as pid:
            begun, used = time.perf_counter(), _cpu(pid)
            while not await _is_done(database, letters):  # noqa: ASYNC110 (what is waited for is in another process)
                await asyncio.sleep(0.05)
            return Took(time.perf_counter() - begun, _cpu(pid) - used)
    finally:
        await database.close()


async def _is_done(database: Database, letters: int) -> bool:
    async with database.read() as tx:
        if await tx.scalar(select(message.c.id).where(message.c.status == "stored").limit(1)) is not None:
            return False
        return bool(await tx.scalar(select(func.count()).select_from(message)) == letters)


def _cpu(pid: int) -> float:
    """Seconds of processor that a process and its children have used."""
    used, wanted = 0.0, {pid}
    for stat in sorted(Path("/proc").glob("[0-9]*/stat"), key=lambda path: int(path.parent.name)):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if int(stat.parent.name) in wanted or int(fields[1]) in wanted:
                wanted.add(int(stat.parent.name))
                used += sum(map(int, fields[11:15])) / TICKS
    return used


async def work(folder: Path, tell: int) -> None:
    """What ``working`` runs."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with open_there(folder) as services:
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        todo = background(services)
        prepare_process()  # as the service does
        if tell:
            before = time.process_time()
            todo.append(Resident("teller", lambda stop: _tell_at_the_end(stop, tell, before)))
        await Supervisor(todo, services.bell, services.clock).run(stop)


async def _tell_at_the_end(stop: asyncio.Event, letters: int, before: float) -> None:
    await stop.wait()
    tell_threads(letters, before)


def tell_threads(letters: int, before: float) -> None:
    """Prints what processor time each thread of this process has used, and the processes it has started; ``before``
    are the seconds the main thread took to be ready."""
    used = Counter({"MainThread": -round(before * TICKS)})
    for thread in threading.enumerate():
        fields = Path(f"/proc/self/task/{thread.native_id}/stat").read_text().rpartition(")")[2].split()
        used[re.sub(r"[-_ ]?[\d.]+.*$", "", thread.name)] += sum(map(int, fields[11:13]))
    used["other processes"] = round((_cpu(os.getpid()) - before) * TICKS) - used.total()
    for name, ticks in used.most_common():
        print(f"    {name:<30} {ticks / TICKS / letters * 1e6:26.0f} µs of processor a letter")


# ---------------------------------------------------------------------------------------------- the cases


async def full_pull(options: argparse.Namespace, dovecot: Dovecot, account: Account, home: Home) -> list[Row]:
    async with home.open() as services:
        await upgrade(home.database_url)
        codes = await give_out_codes(services, options.letters // 2)
        await connect(services, dovecot, account)
    size = fill(dovecot, account, make_letters(options.letters, codes))
    print(f"{options.letters} letters, {size / 1e6:.0f} MB")
    copied = pull_by_mbsync(dovecot, account, home.folder)
    bare = pull_by_imapclient(dovecot, account)
    ours = await pull_by_wherefrom(home, options.letters)
    print(f"{'':34}letters/s   of mbsync   CPU µs a letter")
    for name, took in (("mbsync, FSync", copied), ("imapclient, bytes thrown away", bare), ("Wherefrom", ours)):
        ratio = copied.wall / took.wall
        speed = options.letters / took.wall
        print(f"{name:<34}{speed:9.0f}   {ratio:9.2f}   {took.cpu / options.letters * 1e6:15.0f}")
    speed, beside = options.letters / ours.wall, f"mbsync with FSync, {options.letters / copied.wall:,.0f}/s"
    pulled = Row(
        "letters of a mailbox taken over", speed, "/s", against=beside, ratio=copied.wall / ours.wall, least=PULL_GOAL
    )
    return [pulled, Row("the same: CPU a letter", ours.cpu / options.letters * 1e6, "µs")]


async def ten_new(
    options: argparse.Namespace, dovecot: Dovecot, account: Account, home: Home, mailbox: int
) -> list[Row]:
    """Each client connects, finds the new letters in the full box, reads them and leaves."""
    for raw in make_letters(NEW, [], seed=8):
        await asyncio.to_thread(dovecot.append_to, account, "INBOX", raw)
    size = sum(len(raw) for raw in make_letters(NEW, [], seed=8))
    told = []
    copied = pull_by_mbsync(dovecot, account, home.folder)
    told.append(("mbsync, FSync", copied.wall, _bytes_sent(dovecot)))
    bare = pull_by_imapclient(dovecot, account, after=options.letters)
    told.append(("imapclient, bytes thrown away", bare.wall, _bytes_sent(dovecot)))
    async with home.open() as services:
        begun = time.perf_counter()
        await sync_once(services, SITE, mailbox)
        stored = time.perf_counter() - begun
        while await Sorting(services, TAKERS).step():
            pass
        matched = time.perf_counter() - begun
        told.append(("Wherefrom, stored", stored, _bytes_sent(dovecot)))
        told.append(("Wherefrom, stored and matched", matched, _bytes_sent(dovecot)))
    print(f"{NEW} new letters ({size / 1e3:.0f} kB) among {options.letters}")
    for name, wall, sent in told:
        print(f"{name:<34}{wall * 1e3:9.0f} ms   {sent / 1e3:9.0f} kB from the server")
    what, beside = f"{NEW} new letters among {options.letters:,} stored", f"mbsync, {copied.wall * 1e3:.0f} ms"
    return [Row(what, stored * 1e3, "ms", against=beside, ratio=stored / copied.wall)]


def _bytes_sent(dovecot: Dovecot) -> int:
    """By the last connection that ended, as Dovecot logs it."""
    time.sleep(0.2)
    return int(re.findall(r" in=\d+ out=(\d+) ", dovecot.log_tail(200))[-1])


async def notice(options: argparse.Namespace, dovecot: Dovecot, account: Account, home: Home) -> list[Row]:
    """What Wherefrom adds between the server's notice and the POST, for letters that come one at a time."""
    receiver = Receiver()
    receiver.start()
    added = []
    try:
        async with home.open() as services:
            hook = {"url": receiver.url + "/crm", "which": "all"}
            await invoke(services, "POST", "/sites/{site}/endpoints", site=SITE, body=hook)
        with working(home), dovecot.imap(account) as client:
            client.select_folder("INBOX", readonly=True)
            for _ in range(NEW):  # told of only now, when there is somebody to tell
                await receiver.next(30)
            await _deliver(dovecot, account, "the first")
            await receiver.next(30)
            for number in range(options.news):
                client.idle()
                await asyncio.sleep(random.uniform(0.1, 0.4))
                listening = asyncio.create_task(asyncio.to_thread(_hear, client))
                await _deliver(dovecot, account, f"news {number}")
                await receiver.next(30)
                posted = time.monotonic()
                added.append(posted - await listening)
                client.idle_done()
    finally:
        receiver.stop()
    median, worst = statistics.median(added) * 1e3, max(added) * 1e3
    print(f"notice → POST received: median {median:.0f} ms, worst of {len(added)} {worst:.0f} ms")
    return [Row("what is added after the mail server's notice, median", median, "ms", most=NEWS_GOAL)]


async def _deliver(dovecot: Dovecot, account: Account, subject: str) -> None:
    await asyncio.to_thread(dovecot.deliver, account.address, write_letter(account.address, subject)[0])


def _hear(client: Any) -> float:
    """When the server tells of something, which it must within half a minute."""
    assert client.idle_check(timeout=30), "no notice came"
    return time.monotonic()


async def main(options: argparse.Namespace) -> None:
    rows: list[Row] = []
    for _ in range(options.rounds):
        dovecot = Dovecot()
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            try:
                dovecot.start()
                account, home = dovecot.add_user(), Home(Path(folder), options.database)
                rows += await full_pull(options, dovecot, account, home)
                async with home.open() as services, services.db.read() as tx:
                    mailbox = await tx.scalar(select(message.c.mailbox_id).limit(1))
                rows += await ten_new(options, dovecot, account, home, mailbox)
                if options.news:
                    rows += await notice(options, dovecot, account, home)
            finally:
                dovecot.remove()
    hand_in(_middle(rows), options.json)


def _middle(rows: list[Row]) -> list[Row]:
    """Of the rounds' rows the one in the middle, of each kind."""
    kinds = [[one for one in rows if one.what == what] for what in dict.fromkeys(one.what for one in rows)]
    return [sorted(kind, key=lambda one: one.value)[len(kind) // 2] for kind in kinds]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--letters", type=int, default=3_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--news", type=int, default=20, help="letters that come one at a time")
    parser.add_argument("--folder", help="where copies and data are kept; a temporary folder unless told")
    parser.add_argument("--database", default="", help="the URL of an empty PostgreSQL database instead of SQLite")
    add_json_option(parser)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work is None and shutil.which("mbsync") is None:
        sys.exit("mbsync is not installed: Debian's package is isync")
    asyncio.run(work(given.work, given.letters) if given.work else main(given))
