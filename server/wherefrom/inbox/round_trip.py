"""Round trip: sends probes to the site's substitutes and watches one mailbox until they are there.

The last step of "Test connection". It looks for itself, over a connection of its own, so that it works where no
synchronizer runs, and tells in which folder each probe came up. What it sees counts as proof, like what the
synchronizer sees.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from wherefrom.inbox.store import mailboxes
from wherefrom.inbox.store.mailboxes import Mailbox
from wherefrom.mail.diagnosis import Step
from wherefrom.mail.failures import MailboxError
from wherefrom.mail.folders import THE_JUNK
from wherefrom.mail.imap import ImapAccount, ImapSession
from wherefrom.probes import store as probes
from wherefrom.probes.rounds import list_tokens, probe_target, record_return
from wherefrom.probes.store import Probe
from wherefrom.services import Services
from wherefrom.substitution.store import list_targets

MOST_TARGETS = 5
MOST_OF_A_POOL = 3
_LOOK_SECONDS = 0.5
_BATCH = 50
_HEAD_BYTES = 65_536  # of each new letter: a probe is far shorter

_NOT_SET = Step(
    "probe", True, "Not tried: no outgoing mail server is set, so no letter can be sent to see whether it arrives",
    "Name one in settings.toml, group [smtp]. Or send a letter to one of the addresses and look for it in the history.",
    0, skipped=True,
)  # fmt: skip
_NO_TARGET = Step(
    "probe", True, "Not tried: the site has no address that is substituted",
    "Add one: wherefrom target add SITE ADDRESS", 0, skipped=True,
)  # fmt: skip


@dataclass(slots=True)
class _Watch:
    """One session that remembers how far each folder has been looked through. ``folders`` by name with their kind."""

    session: ImapSession
    folders: dict[str, str]
    places: dict[str, int] = field(default_factory=dict)

    def begin(self) -> None:
        """Connects, and notes where each folder ends."""
        self.session.connect()
        if self.folders.pop(THE_JUNK, None):
            listed = (one.name for one in self.session.list_folders() if one.kind == "junk")
            self.folders |= {name: "junk" for name in list(listed)[:1] if name not in self.folders}
        for folder in self.folders:
            state = self.session.examine(folder)
            self.places[folder] = self.session.find_last_uid() if state.uidnext is None else state.uidnext - 1

    def look(self, tokens: Sequence[str]) -> dict[str, str]:
        """The folder of each of ``tokens`` that has come up since the last look."""
        found: dict[str, str] = {}
        for folder in self.places:
            self.session.examine(folder)
            for letter in self.session.fetch_new(self.places[folder], _BATCH, _HEAD_BYTES):
                self.places[folder] = max(self.places[folder], letter.uid)
                found |= {token: folder for token in tokens if token.encode() in letter.raw}
        return found


async def try_probes(services: Services, mailbox: Mailbox, account: ImapAccount) -> list[Step]:
    """A step for each probe: at most five targets, of a pool at most three addresses. Never raises MailboxError."""
    if not services.settings.smtp.host:
        return [_NOT_SET]
    async with services.db.read() as tx:
        targets = [one for one in await list_targets(tx, mailbox.site_id) if one.enabled][:MOST_TARGETS]
    if not targets:
        return [_NO_TARGET]
    session = ImapSession(account, services.settings.mail.socket_timeout_seconds)
    watch = _Watch(session, {one.name: one.kind for one in mailbox.folders})
    try:
        await asyncio.to_thread(watch.begin)
        sent: list[Probe] = []
        for target in targets:
            sent += await probe_target(services, mailbox.site_id, target.id, MOST_OF_A_POOL)
        return await _wait(services, mailbox, watch, sent)
    except MailboxError as error:
        return [Step("probe", False, error.detail, error.hint, 0)]
    finally:
        await asyncio.to_thread(session.close)


async def _wait(services: Services, mailbox: Mailbox, watch: _Watch, sent: Sequence[Probe]) -> list[Step]:
    begun = time.monotonic()
    steps = {one.id: _not_taken(one) for one in sent if one.status in ("refused", "unsent")}
    waiting = {token: one for token, one in list_tokens(services, sent).items() if one.id not in steps}
    while waiting and time.monotonic() - begun < services.settings.probes.wait_seconds:
        for token, folder in (await asyncio.to_thread(watch.look, list(waiting))).items():
            one = waiting.pop(token)
            milliseconds = round((time.monotonic() - begun) * 1000)
            steps[one.id] = _back(one, folder, milliseconds, junk=watch.folders[folder] == "junk")
            async with services.db.write() as tx:
                await record_return(services, tx, one.site_id, one.id, mailbox.id, folder)
        if waiting:
            await asyncio.sleep(_LOOK_SECONDS)
    for one in waiting.values():
        steps[one.id] = await _missing(services, mailbox, one)
    return [steps[one.id] for one in sent]


def _not_taken(one: Probe) -> Step:
    detail, _, hint = one.detail.partition(". ")
    return Step("probe", False, f"{one.address}: {detail}", hint, 0)


def _back(one: Probe, folder: str, milliseconds: int, *, junk: bool) -> Step:
    hint = "It was taken for spam. What is there is read all the same, but people do not see it: allow the sender."
    said = f"A letter to {one.address} came back, into {folder}"
    return Step("probe", True, said, hint if junk else "", milliseconds)


async def _missing(services: Services, mailbox: Mailbox, one: Probe) -> Step:
    """Not here within the time; perhaps another mailbox of the site has it."""
    seconds = services.settings.probes.wait_seconds
    async with services.db.read() as tx:
        now_is = (await probes.list_by_id(tx, one.site_id, [one.id]))[0]
        others = {found.id: found.name for found in await mailboxes.list_mailboxes(tx, one.site_id)}
    elsewhere = now_is.mailbox_id if now_is.mailbox_id != mailbox.id else None
    if now_is.status == "returned" and elsewhere in others:
        return Step("probe", True, f"A letter to {one.address} came back, into mailbox {others[elsewhere]}", "", 0)
    if now_is.status == "returned":
        return Step("probe", True, f"A letter to {one.address} came back", "", 0)
    hint = (
        "It may still come: mail from an unknown sender is often held back for minutes. If it does not, the mail "
        "server has no such address, or delivers it elsewhere: look there for the letter “Probe: does mail to … "
        "arrive?”, and in the sender's own mailbox for a refusal."
    )
    return Step("probe", False, f"A letter to {one.address} has not come back within {seconds} s", hint, seconds * 1000)
