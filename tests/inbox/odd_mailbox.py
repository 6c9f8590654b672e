"""An IMAP account with the habits of servers that are hard to live with. Real sockets, no mocks."""

import re
import select
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tests.mail.scripted import GREETING, Talk

_SECTION = re.compile(r"BODY\.PEEK\[(HEADER)?\](?:<(\d+)\.(\d+)>)?")


class Gone(Exception):
    """The server has ended this connection."""


@dataclass
class OddMailbox:
    """INBOX with ``letters`` by UID, and ``others`` by their names. Change it while it is watched.

    ``uidvalidity`` None: not told. ``uidnext``: told instead of the true one; 0: not told. ``modseq``: told, by a
    server with CONDSTORE; None: without. ``hidden``: UIDs that are not shown yet. ``arrived``: INTERNALDATE by UID; the
    present without. ``idle``: "none" (not offered), "drop" (the connection is cut), "deaf" (nothing is told, and DONE
    is not answered), "works". ``refusals``, ``examine_refusals``: answers to the next logins and EXAMINEs, in turn.

    ``spoilt``: UID → what goes wrong when its body is fetched, ``strikes`` times in all (None: each time): "close",
    "reset" (within the literal), "stall", "short" and "long" (a literal longer and shorter than said), "refuse" (NO),
    "throttle", "busy" (NO, as if for a while), "bye", "nil", "huge" (a literal of 300 MB is announced), "skip" (left
    out of the answer). ``whole``: the same, and "hold" (it comes when ``gate`` opens), where all of it is asked for.
    ``noise``: other programs' doings are told in the middle of every answer. ``sizes``: RFC822.SIZE
    by UID where it is a lie. ``poison``: UIDs spoilt by "close", for ever.
    """

    letters: dict[int, bytes] = field(default_factory=dict)
    others: dict[str, dict[int, bytes]] = field(default_factory=dict)
    uidvalidity: int | None = 7
    uidnext: int | None = None
    modseq: int | None = None
    hidden: set[int] = field(default_factory=set)
    poison: set[int] = field(default_factory=set)
    spoilt: dict[int, str] = field(default_factory=dict)
    strikes: int | None = None
    whole: dict[int, str] = field(default_factory=dict)
    gate: threading.Event = field(default_factory=threading.Event)
    noise: bool = False
    sizes: dict[int, int] = field(default_factory=dict)
    arrived: dict[int, datetime] = field(default_factory=dict)
    idle: str = "works"
    refusals: list[bytes] = field(default_factory=list)
    examine_refusals: list[bytes] = field(default_factory=list)
    logins: list[float] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    changed: threading.Event = field(default_factory=threading.Event)
    told: int = 0
    opened: dict[Talk, str] = field(default_factory=dict)

    def add(self, uid: int, raw: bytes) -> None:
        self.letters[uid] = raw
        self.changed.set()

    def bodies_asked(self) -> list[str]:
        """The commands that asked for letters."""
        return [one for one in self.asked if "BODY" in one]

    def __call__(self, talk: Talk) -> None:
        talk.send(GREETING)
        while line := talk.read_line().decode("latin-1"):
            tag, _, command = line.partition(" ")
            self.asked.append(command)
            words = command.upper().split(" ")
            name = "_".join(words[:2]) if words[0] == "UID" else words[0]
            try:
                answer = getattr(self, f"say_{name.lower()}", self.say_unknown)(talk, tag, command)
            except Gone:
                return
            talk.send(answer.encode("latin-1"))

    def say_unknown(self, talk: Talk, tag: str, command: str) -> str:
        return f"{tag} BAD what is that?\r\n"

    def say_capability(self, talk: Talk, tag: str, command: str) -> str:
        offered = ("" if self.idle == "none" else " IDLE") + ("" if self.modseq is None else " CONDSTORE")
        return f"* CAPABILITY IMAP4rev1{offered}\r\n{tag} OK done\r\n"

    def say_login(self, talk: Talk, tag: str, command: str) -> str:
        self.logins.append(time.monotonic())
        if self.refusals:
            return f"{tag} NO {self.refusals.pop(0).decode()}\r\n"
        return f"{tag} OK done\r\n"

    def say_list(self, talk: Talk, tag: str, command: str) -> str:
        told = "".join(f'* LIST () "/" {name}\r\n' for name in ("INBOX", *self.others))
        return f"{told}{tag} OK done\r\n"

    def say_examine(self, talk: Talk, tag: str, command: str) -> str:
        if self.examine_refusals:
            return f"{tag} NO {self.examine_refusals.pop(0).decode()}\r\n"
        name = command.split(" ")[1].strip('"')
        if name != "INBOX" and name not in self.others:
            return f"{tag} NO [NONEXISTENT] Unknown Mailbox: {name}\r\n"
        self.opened[talk] = name
        letters = self.shown(talk)
        if name == "INBOX":
            self.changed.clear()
            self.told = len(letters)
        told = f"* FLAGS ()\r\n* {len(letters)} EXISTS\r\n* 0 RECENT\r\n"
        if self.uidvalidity is not None:
            told += f"* OK [UIDVALIDITY {self.uidvalidity}] x\r\n"
        uidnext = max(letters, default=0) + 1 if self.uidnext is None else self.uidnext
        if uidnext:
            told += f"* OK [UIDNEXT {uidnext}] x\r\n"
        if self.modseq is not None:
            told += f"* OK [HIGHESTMODSEQ {self.modseq}] x\r\n"
        return f"{told}{tag} OK [READ-ONLY] done\r\n"

    def say_uid_search(self, talk: Talk, tag: str, command: str) -> str:
        shown = sorted(self.shown(talk))
        found = shown
        if span := re.search(r"UID (\d+):(\d+|\*)", command[4:]):
            end = shown[-1] if span[2] == "*" and shown else int(span[2].replace("*", "0"))
            found = [uid for uid in shown if int(span[1]) <= uid <= end] or (shown[-1:] if span[2] == "*" else [])
        elif re.search(r"UID \*", command[4:]):
            found = shown[-1:]
        elif one := re.search(r"UID (\d+)", command[4:]):
            found = [uid for uid in shown if uid == int(one[1])]
        if since := re.search(r"SINCE \"?(\d+-\w+-\d+)", command):
            day = datetime.strptime(since[1], "%d-%b-%Y").replace(tzinfo=UTC)
            found = [uid for uid in found if self.arrival(uid) >= day]
        return f"{self.chatter()}* SEARCH {' '.join(map(str, found))}\r\n{tag} OK done\r\n"

    def say_uid_fetch(self, talk: Talk, tag: str, command: str) -> str:
        letters = self.shown(talk)
        for uid in _uids(command.split(" ")[2], letters):
            talk.send(self.chatter().encode())
            items = [f"UID {uid}"]
            if "RFC822.SIZE" in command:
                items.append(f"RFC822.SIZE {self.sizes.get(uid, len(letters[uid]))}")
            if "INTERNALDATE" in command:
                items.append(f'INTERNALDATE "{self.arrival(uid):%d-%b-%Y %H:%M:%S +0000}"')
            told = f"* {sorted(letters).index(uid) + 1} FETCH ({' '.join(items)}"
            if body := _SECTION.search(command):
                fault = self.fault_of(uid) or ("" if body[2] else self.whole.get(uid, ""))
                if fault == "hold":
                    self.gate.wait(120)
                if fault in ("refuse", "throttle", "busy"):
                    return f"{tag} NO {_REFUSED[fault]}\r\n"
                if fault == "skip":
                    continue
                told += self.spoil(talk, fault, body, letters[uid], told)
            talk.send(told.encode("latin-1") + b")\r\n")
        return f"{self.chatter()}{tag} OK done\r\n"

    def spoil(self, talk: Talk, fault: str, body: re.Match[str], raw: bytes, told: str) -> str:
        """The body as this server gives it; it may be the end of the connection."""
        name = f"BODY[{body[1] or ''}]" + (f"<{body[2]}>" if body[2] else "")
        if body[1]:
            raw = raw.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        if body[2]:
            raw = raw[int(body[2]) : int(body[2]) + int(body[3])]
        length = len(raw)
        if fault == "bye":
            talk.send(b"* BYE see you\r\n")
        if fault in ("close", "bye"):
            talk.close()
            raise Gone
        if fault == "nil":
            return f" {name} NIL"
        if fault == "huge":
            length = 300_000_000
        head = f"{told} {name} {{{length}}}\r\n".encode("latin-1")
        if fault == "stall":
            talk.send(head + raw[:10])
            talk.read_line()  # until the client has enough of it
            raise Gone
        if fault == "reset":
            talk.send(head + raw[:10])
            talk.reset()
            raise Gone
        length += {"short": 4_000, "long": -7}.get(fault, 0)
        return f" {name} {{{length}}}\r\n{raw.decode('latin-1')}"

    def say_idle(self, talk: Talk, tag: str, command: str) -> str:
        if self.idle == "drop":
            talk.close()
            raise Gone
        talk.send(b"+ idling\r\n")
        if self.idle == "deaf":
            while talk.read_line():
                pass
            raise Gone
        while not talk_has_line(talk):
            count = len(self.shown(talk))
            if count != self.told:  # also what came between the last answer and this IDLE
                self.told = count
                talk.send(f"* {self.told} EXISTS\r\n".encode())
            self.changed.wait(0.02)
            self.changed.clear()
        talk.read_line()
        return f"{tag} OK done\r\n"

    def say_noop(self, talk: Talk, tag: str, command: str) -> str:
        return f"{tag} OK done\r\n"

    def say_logout(self, talk: Talk, tag: str, command: str) -> str:
        return f"* BYE bye\r\n{tag} OK done\r\n"

    def shown(self, talk: Talk) -> dict[int, bytes]:
        """The letters of the folder that is open."""
        letters = self.letters if self.opened.get(talk, "INBOX") == "INBOX" else self.others[self.opened[talk]]
        return {uid: raw for uid, raw in letters.items() if uid not in self.hidden}

    def arrival(self, uid: int) -> datetime:
        return self.arrived.get(uid, datetime.now(UTC))

    def fault_of(self, uid: int) -> str:
        if uid in self.poison:
            return "close"
        fault = self.spoilt.get(uid, "")
        if fault and self.strikes is not None:
            self.strikes -= 1
            if self.strikes < 0:
                return ""
        return fault

    def chatter(self) -> str:
        """What other programs do in the same folder, told in the middle of an answer."""
        if not self.noise:
            return ""
        return (
            f"* {len(self.letters)} EXPUNGE\r\n"
            f"* {len(self.letters)} EXISTS\r\n* 1 FETCH (FLAGS (\\Seen))\r\n* 2 FETCH (FLAGS () UID 2)\r\n"
            "* 0 RECENT\r\n* OK [HIGHESTMODSEQ 12] x\r\n* FLAGS (\\Seen)\r\n* VANISHED 77\r\n"
        )


_REFUSED = {
    "refuse": "[SERVERBUG] Internal error occurred. Refer to server log for more information.",
    "throttle": "[THROTTLED] slow down, try again in 1 seconds",
    "busy": "[UNAVAILABLE] Temporary problem, please try again later",
}


def _uids(told: str, letters: dict[int, bytes]) -> Iterator[int]:
    for part in told.split(","):
        first, _, last = part.partition(":")
        yield from (uid for uid in range(int(first), int(last or first) + 1) if uid in letters)


def talk_has_line(talk: Talk) -> bool:
    """Whether the client has said something more (or has gone)."""
    return bool(select.select([talk.connection], [], [], 0)[0])
