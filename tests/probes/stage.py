"""A site whose probes go out by a real SMTP server, which hands them to a real mailbox, and are read there by IMAP."""

from __future__ import annotations

import itertools
import smtplib
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import msgspec

from tests.support.dovecot import Account, Dovecot
from tests.support.smtp_sink import SmtpSink
from wherefrom.app import TAKERS
from wherefrom.clock import Clock, FixedClock
from wherefrom.inbox.mailbox import AddMailbox, FolderChoice, add_mailbox
from wherefrom.inbox.sort import Sorting
from wherefrom.inbox.store import history
from wherefrom.inbox.store.filters import HistoryFilter
from wherefrom.inbox.sync import sync_once
from wherefrom.probes import store
from wherefrom.probes.rounds import Rounds
from wherefrom.probes.store import Probe
from wherefrom.services import Services
from wherefrom.settings import Probes, Smtp
from wherefrom.substitution.add import add_target
from wherefrom.substitution.lend import lend
from wherefrom.substitution.store.substitutes import list_substitutes
from wherefrom.substitution.store.targets import get_target
from wherefrom.substitution.target import Options, Target

HOUR = timedelta(hours=1)
SENDER = "probes@elsewhere.example"
_domains = (f"probed{number}.example" for number in itertools.count(1))


def with_smtp(services: Services, sink: SmtpSink, *, wait_seconds: int = 60, **more: Any) -> Services:
    """The services with ``sink`` as outgoing mail server; who waits for a probe gives it up after ``wait_seconds``."""
    smtp = Smtp(**({"host": sink.host, "port": sink.port, "security": "none", "sender": SENDER} | more))
    settings = msgspec.structs.replace(services.settings, smtp=smtp, probes=Probes(wait_seconds=wait_seconds))
    return replace(services, settings=settings)


@dataclass
class Stage:
    """Site 1, one mailbox that takes every address of ``domain``."""

    services: Services
    sink: SmtpSink
    dovecot: Dovecot
    domain: str = field(default_factory=lambda: next(_domains))
    account: Account = field(init=False)
    mailbox_id: int = 0
    swallowed: set[str] = field(default_factory=set)
    folder_of: dict[str, str] = field(default_factory=dict)
    _visits: Any = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.account = self.dovecot.add_user(catchall_domain=self.domain)
        self.sink.pass_on = self._pass_on

    def _pass_on(self, recipient: str, raw: bytes, sender: str) -> None:
        if recipient in self.swallowed:
            return
        if recipient in self.folder_of:
            self.dovecot.append_to(self.account, self.folder_of[recipient], raw)
            return
        self.dovecot.deliver(recipient, raw, sender)

    @property
    def clock(self) -> FixedClock:
        clock: Clock = self.services.clock
        assert isinstance(clock, FixedClock)
        return clock

    async def connect(self, *folders: str) -> int:
        """The mailbox; ``folders`` beside the inbox are junk."""
        junk = tuple(FolderChoice(name=one, kind="junk") for one in folders)
        added = await add_mailbox(
            self.services, 1,
            AddMailbox(
                host="127.0.0.1", port=self.dovecot.imap_port, security="none", username=self.account.user,
                password=self.account.password, since="all", folders=(FolderChoice(name="INBOX"), *junk),
            ),
        )  # fmt: skip
        self.mailbox_id = added.id
        return added.id

    async def add(self, local: str = "sales", *, pool: int = 0, **options: Any) -> Target:
        addresses = "\n".join(f"{local}-{number}@{self.domain}" for number in range(1, pool + 1))
        strategy = {"strategy": "pool"} if pool else {}
        return await add_target(
            self.services, 1, f"{local}@{self.domain}", Options(**strategy, **options), pool=addresses
        )

    async def round(self) -> None:
        """Sends everything that is due."""
        while await Rounds(self.services).step():
            pass

    async def read(self) -> None:
        """Reads the mailbox and sorts what came."""
        await sync_once(self.services, 1, self.mailbox_id)
        while await Sorting(self.services, TAKERS).step():
            pass

    async def shown(self, target: Target) -> str | None:
        """What a new visit sees instead of the target; None for the real address."""
        visit = next(self._visits)
        async with self.services.db.write() as tx:
            lent = await lend(
                tx, now=self.clock.now(), ids=self.services.ids, site_id=1, visit_id=visit, visitor_id=visit,
                found=[target.address], settings=self.services.settings,
            )  # fmt: skip
        return lent[0].address if lent else None

    async def proof(self, target: Target) -> str:
        async with self.services.db.read() as tx:
            return (await get_target(tx, 1, target.id)).proof

    async def statuses(self, target: Target) -> list[str]:
        async with self.services.db.read() as tx:
            return [one.status.value for one in await list_substitutes(tx, 1, target.id)]

    async def probes(self, target: Target) -> list[Probe]:
        """The oldest first."""
        async with self.services.db.read() as tx:
            return list(reversed(await store.list_probes(tx, 1, target.id, 100)))

    async def subjects(self) -> list[str]:
        """The history."""
        async with self.services.db.read() as tx:
            rows, _ = await history.list_messages(tx, 1, HistoryFilter())
        return [row.subject for row in reversed(rows)]

    def send(self, recipient: str, raw: bytes, sender: str = "") -> None:
        """A letter that comes from outside."""
        with smtplib.SMTP(self.sink.host, self.sink.port) as client:
            client.sendmail(sender, [recipient], raw)
