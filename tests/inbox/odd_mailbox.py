"""An IMAP account with one folder and the habits of servers that are hard to live with. Real sockets, no mocks."""

import re
import select
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tests.mail.scripted import GREETING, Talk


@dataclass
class OddMailbox:
    """INBOX with ``letters`` by UID. Change it while it is watched.

    ``uidvalidity`` None: not told. ``uidnext``: told instead of the true one; 0: not told. ``poison``: UIDs whose
    fetching breaks the connection. ``idle``: "none" (not offered), "drop" (the connection is cut), "works".
    ``refusals``: answers to the next logins, in turn.
    """

    letters: dict[int, bytes] = field(default_factory=dict)
    uidvalidity: int | None = 7
    uidnext: int | None = None
    poison: set[int] = field(default_factory=set)
    idle: str = "works"
    refusals: list[bytes] = field(default_factory=list)
    logins: list[float] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    changed: threading.Event = field(default_factory=threading.Event)
    told: int = 0

    def add(self, uid: int, raw: bytes) -> None:
        self.letters[uid] = raw
        self.changed.set()

    def __call__(self, talk: Talk) -> None:
        talk.send(GREETING)
        while line := talk.read_line().decode("latin-1"):
            tag, _, command = line.partition(" ")
            self.asked.append(command)
            words = command.upper().split(" ")
            name = "_".join(words[:2]) if words[0] == "UID" else words[0]
            answer = getattr(self, f"say_{name.lower()}", self.say_unknown)(talk, tag, command)
            if answer is None:
                return
            talk.send(answer.encode("latin-1"))

    def say_unknown(self, talk: Talk, tag: str, command: str) -> str:
        return f"{tag} BAD what is that?\r\n"

    def say_capability(self, talk: Talk, tag: str, command: str) -> str:
        offered = "" if self.idle == "none" else " IDLE"
        return f"* CAPABILITY IMAP4rev1{offered}\r\n{tag} OK done\r\n"

    def say_login(self, talk: Talk, tag: str, command: str) -> str:
        self.logins.append(time.monotonic())
        if self.refusals:
            return f"{tag} NO {self.refusals.pop(0).decode()}\r\n"
        return f"{tag} OK done\r\n"

    def say_list(self, talk: Talk, tag: str, command: str) -> str:
        return f'* LIST () "/" INBOX\r\n{tag} OK done\r\n'

    def say_examine(self, talk: Talk, tag: str, command: str) -> str:
        self.changed.clear()
        self.told = len(self.letters)
        told = f"* FLAGS ()\r\n* {self.told} EXISTS\r\n* 0 RECENT\r\n"
        if self.uidvalidity is not None:
            told += f"* OK [UIDVALIDITY {self.uidvalidity}] x\r\n"
        uidnext = max(self.letters, default=0) + 1 if self.uidnext is None else self.uidnext
        if uidnext:
            told += f"* OK [UIDNEXT {uidnext}] x\r\n"
        return f"{told}{tag} OK [READ-ONLY] done\r\n"

    def say_uid_search(self, talk: Talk, tag: str, command: str) -> str:
        found = sorted(self.letters)
        if span := re.search(r"UID (\d+):\*", command[4:]):
            found = [uid for uid in found if uid >= int(span[1])] or found[-1:]
        elif one := re.search(r"UID (\d+)", command[4:]):
            found = [uid for uid in found if uid == int(one[1])]
        return f"* SEARCH {' '.join(map(str, found))}\r\n{tag} OK done\r\n"

    def say_uid_fetch(self, talk: Talk, tag: str, command: str) -> str | None:
        uids = [int(uid) for uid in command.split(" ")[2].split(",")]
        arrived = datetime.now(UTC).strftime("%d-%b-%Y %H:%M:%S +0000")
        told = ""
        for uid in uids:
            raw = self.letters.get(uid)
            if raw is None:
                continue
            if "BODY" not in command:
                told += f'* 1 FETCH (UID {uid} RFC822.SIZE {len(raw)} INTERNALDATE "{arrived}")\r\n'
            elif uid in self.poison:
                talk.close()
                return None
            else:
                told += f"* 1 FETCH (UID {uid} BODY[] {{{len(raw)}}}\r\n{raw.decode('latin-1')})\r\n"
        return f"{told}{tag} OK done\r\n"

    def say_idle(self, talk: Talk, tag: str, command: str) -> str | None:
        if self.idle == "drop":
            talk.close()
            return None
        talk.send(b"+ idling\r\n")
        while not talk_has_line(talk):
            if len(self.letters) != self.told:  # also what came between the last answer and this IDLE
                self.told = len(self.letters)
                talk.send(f"* {self.told} EXISTS\r\n".encode())
            self.changed.wait(0.02)
            self.changed.clear()
        talk.read_line()
        return f"{tag} OK done\r\n"

    def say_noop(self, talk: Talk, tag: str, command: str) -> str:
        return f"{tag} OK done\r\n"

    def say_logout(self, talk: Talk, tag: str, command: str) -> str:
        return f"* BYE bye\r\n{tag} OK done\r\n"


def talk_has_line(talk: Talk) -> bool:
    """Whether the client has said something more (or has gone)."""
    return bool(select.select([talk.connection], [], [], 0)[0])
