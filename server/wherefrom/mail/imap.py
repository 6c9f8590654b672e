"""One IMAP account, read over one connection by one thread.

Answers for reading without a trace: folders are opened with EXAMINE, letters fetched with BODY.PEEK[], nothing is ever
marked, moved or deleted; new ones are noticed by ``news``. Refuses to know what was read before: the caller names the
last UID it has stored.

    with ImapSession(account, timeout=60) as session:
        session.connect()
        state = session.examine("INBOX")
        for letter in session.fetch_new(last_uid, batch=50, max_bytes=50_000_000):
            ...                                 # store it together with its UID
        session.idle(540, stop)                 # True: look again
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from wherefrom.mail.answers import (
    LARGEST,
    FolderInfo,
    FolderState,
    RawLetter,
    arrival_of,
    body_of,
    number_of,
    raw_letter,
    size_of,
)
from wherefrom.mail.connection import ImapAccount, Security, read_name
from wherefrom.mail.failures import ProtocolError
from wherefrom.mail.folders import folder_kind
from wherefrom.mail.news import Listener
from wherefrom.mail.spool import Begin, Spool
from wherefrom.mail.wire import within

__all__ = ["FolderInfo", "FolderState", "ImapAccount", "ImapSession", "RawLetter", "Security"]

HIGHEST_UID = 4_294_967_295
_GROUP_BYTES = 16_777_216  # of letters in one FETCH, so that fifty big ones are not in memory at once
LARGE = 4_194_304  # bytes; such a letter takes a while to come
BEGINNING = 262_144  # bytes of it that are fetched ahead: header and text, as mail programs order the parts


class ImapSession(Listener):
    """A ``Listener`` that reads: one folder is open at a time, by ``examine``."""

    def __init__(self, account: ImapAccount, timeout: float) -> None:
        super().__init__(account, timeout)
        self.in_flight: tuple[int, ...] = ()
        """The UIDs of the FETCH under way: among them is the letter that breaks the server, when one does."""
        self._begin: Begin | None = None

    # ------------------------------------------------------------------ looking

    @property
    def capabilities(self) -> frozenset[str]:
        """What the server says it can do, in upper case."""
        with self._telling("CAPABILITY"):
            return frozenset(one.decode("ascii", "replace").upper() for one in self._client.capabilities())

    def list_folders(self) -> list[FolderInfo]:
        """All folders that can be opened, with what they are for."""
        with self._telling("LIST"):
            rows = within(self._wire, self.timeout, self._client.list_raw_folders)
            return [
                FolderInfo(name, folder_kind(name, flags, separator.decode("ascii", "replace") if separator else None))
                for flags, separator, raw in rows
                if not {flag.lower() for flag in flags} & {b"\\noselect", b"\\nonexistent"}
                if (name := read_name(raw)) is not None
            ]

    def examine(self, folder: str) -> FolderState:
        """Opens ``folder`` for reading only. FolderMissing."""
        with self._telling(f"folder {folder}"):
            answer = within(self._wire, self.timeout, lambda: self._client.select_folder(folder, readonly=True))
            state = FolderState(
                uidvalidity=number_of(answer.get(b"UIDVALIDITY")),
                uidnext=number_of(answer.get(b"UIDNEXT")),
                exists=min(answer[b"EXISTS"], LARGEST),
                highestmodseq=number_of(answer.get(b"HIGHESTMODSEQ")),
            )
            self._forget_news()
        self._exists = state.exists
        return state

    def find_last_uid(self) -> int:
        """The highest UID in the open folder, 0 when it is empty."""
        with self._telling("SEARCH"):
            found = within(self._wire, self.timeout, lambda: self._client.search(["UID", "*"]))
        return max((uid for uid in found if uid <= LARGEST), default=0)

    def list_uids(self, first: int, last: int, day: date | None = None) -> list[int]:
        """The UIDs from ``first`` to ``last`` in the open folder, in order; with ``day``, of letters that arrived then
        or later. Unlike ``fetch_new`` it leaves the news be."""
        if last < first:
            return []
        asked: list[Any] = ["UID", f"{first}:{last}"] + (["SINCE", day] if day else [])
        with self._telling("SEARCH"):
            found = within(self._wire, self.timeout, lambda: self._client.search(asked))
        return sorted(uid for uid in found if first <= uid <= last)

    # ------------------------------------------------------------------ reading

    def fetch_new(
        self, after_uid: int, batch: int, max_bytes: int, begin: Begin | None = None, *, early: bool = False
    ) -> Iterator[RawLetter]:
        """The open folder's letters with a UID above ``after_uid``; as ``fetch_uids``."""
        yield from self.fetch_uids(self._search_above(after_uid), batch, max_bytes, begin=begin, early=early)

    def fetch_uids(
        self,
        found: Sequence[int],
        batch: int,
        max_bytes: int,
        wants: Callable[[datetime], bool] = lambda arrived_at: True,
        begin: Begin | None = None,
        *,
        early: bool = False,
    ) -> Iterator[RawLetter]:
        """The open folder's letters of these UIDs, in this order; those ``wants`` is true of, by their INTERNALDATE.

        Fetches at most ``batch`` letters and 16 MiB at once; of a letter above ``max_bytes`` its beginning. A letter
        that the server cannot hand out comes as one with a ``problem``; one deleted meanwhile does not come. With
        ``begin`` a large letter goes to the disk as it comes; without, it is in memory. With ``early`` the beginnings
        of a batch's large letters come first, then the small ones, then the large ones themselves.
        """
        self._begin = begin
        for uids in _slices(found, batch):
            facts = self._fetch(uids, ["RFC822.SIZE", "INTERNALDATE"])
            wanted = [uid for uid in uids if uid in facts and wants(arrival_of(facts[uid].get(b"INTERNALDATE")))]
            large = [uid for uid in wanted if early and size_of(facts[uid]) > LARGE]
            for uid in large:
                yield from self._read_beginning(uid, facts)
            small = [(uid, size_of(facts[uid])) for uid in wanted if uid not in large]
            for group in _groups(small, max_bytes):
                for letter in self._read_group(group, facts, max_bytes):
                    if large:
                        letter = replace(letter, reached=min(letter.uid, large[0] - 1), pause=letter.uid == group[-1])
                    yield letter
            for uid, following in zip(large, [*large[1:], wanted[-1] + 1] if large else [], strict=True):
                for letter in self._read_group([uid], facts, max_bytes):
                    yield replace(letter, reached=following - 1, pause=True)

    def _search_above(self, after_uid: int) -> list[int]:
        self._forget_news()
        with self._telling("SEARCH"):
            found = within(self._wire, self.timeout, lambda: self._client.search(["UID", f"{after_uid + 1}:*"]))
        # "n:*" always names the last letter, even when its UID is below n.
        return sorted(uid for uid in found if after_uid < uid <= LARGEST)

    def _read_group(self, group: Sequence[int], facts: dict[int, Any], max_bytes: int) -> Iterator[RawLetter]:
        big = len(group) == 1 and size_of(facts[group[0]]) > max_bytes
        item = f"BODY.PEEK[]<0.{max_bytes}>" if big else "BODY.PEEK[]"
        if self._begin is not None and len(group) == 1:
            yield from self._read_alone(group[0], facts, item, Spool(self._begin, max_bytes), truncated=big)
            return
        try:
            most = 4 * max_bytes if self._begin is None else min(4 * max_bytes, 2 * _GROUP_BYTES)
            bodies = self._fetch(group, [item], most)
        except ProtocolError as error:
            if self._wire.gone:
                raise
            if len(group) == 1:
                yield from self._read_refused(group[0], facts, max_bytes, str(error))
                return
            # One letter the server chokes on must not stop the others.
            for uid in group:
                yield from self._read_group([uid], facts, max_bytes)
            return
        for uid in group:
            body = body_of(bodies.get(uid, {}))
            if body is None and len(group) > 1:
                yield from self._read_group([uid], facts, max_bytes)
            elif body is None:
                yield from self._read_refused(uid, facts, max_bytes, "the server handed out nothing")
            else:
                yield raw_letter(uid, facts[uid], body[:max_bytes], truncated=big or len(body) > max_bytes)

    def _read_beginning(self, uid: int, facts: dict[int, Any]) -> Iterator[RawLetter]:
        """Nothing when there is none to be had: what is wrong with the letter shows when it is fetched itself."""
        try:
            answer = self._fetch([uid], [f"BODY.PEEK[]<0.{BEGINNING}>"], 4 * BEGINNING)
        except ProtocolError:
            if self._wire.gone:
                raise
            return
        if body := body_of(answer.get(uid, {})):
            yield replace(raw_letter(uid, facts[uid], body[:BEGINNING], truncated=True), early=True, pause=True)

    def _read_alone(
        self, uid: int, facts: dict[int, Any], item: str, spool: Spool, *, truncated: bool
    ) -> Iterator[RawLetter]:
        problem = ""
        try:
            there = self._pour(uid, item, spool)
            problem = "" if there else "the server handed out nothing"
        except ProtocolError as error:
            if self._wire.gone:
                spool.abandon()
                raise
            problem = str(error)
        except BaseException:
            spool.abandon()
            raise
        if problem:
            spool.abandon()
            yield from self._read_refused(uid, facts, spool.most, problem)
            return
        letter = raw_letter(uid, facts[uid], spool.content, truncated=truncated or spool.is_cut)
        name = letter.sha256 if spool.file is None else spool.file.sha256
        yield replace(letter, file=spool.file, sha256=name)

    def _pour(self, uid: int, item: str, spool: Spool) -> bool:
        """Fetches a letter into ``spool``; False when the server has none to give."""
        self.in_flight = (uid,)
        wire, client = self._wire, self._client
        wire.max_literal, wire.spool = 4 * spool.most, spool
        try:
            with self._telling("FETCH"):
                status, answer = wire._command_complete("FETCH", wire._command("UID", "FETCH", str(uid), f"({item})"))
                client._checkok("fetch", status, answer)
                wire._untagged_response(status, answer, "FETCH")
        finally:
            wire.spool = None
        if not spool.size:  # a body that is no literal, empty, or none
            body = body_of(self._fetch([uid], [item], 4 * spool.most).get(uid, {}))
            if body is None:
                return False
            spool.write(body)
        self.in_flight = ()
        return True

    def _read_refused(self, uid: int, facts: dict[int, Any], max_bytes: int, problem: str) -> Iterator[RawLetter]:
        """What can be had of a letter that cannot be fetched whole: its header, else the fact that it is there."""
        with self._telling("SEARCH"):
            if not within(self._wire, self.timeout, lambda: self._client.search(["UID", str(uid)])):
                return  # deleted meanwhile
        try:
            header = body_of(self._fetch([uid], ["BODY.PEEK[HEADER]"], 4 * max_bytes).get(uid, {}))
        except ProtocolError:
            if self._wire.gone:
                raise
            header = None
        if header:
            yield raw_letter(uid, facts[uid], header[:max_bytes], truncated=True)
        else:
            yield raw_letter(uid, facts[uid], b"", truncated=True, problem=problem)

    def _fetch(self, uids: Sequence[int], items: list[str], max_literal: int = 1_048_576) -> dict[int, Any]:
        self.in_flight = tuple(uids)
        self._wire.max_literal = max_literal
        with self._telling("FETCH"):
            answer: dict[int, Any] = self._client.fetch(list(uids), items)
        self.in_flight = ()
        return answer


def _slices(uids: Sequence[int], batch: int) -> Iterator[Sequence[int]]:
    for start in range(0, len(uids), batch):
        yield uids[start : start + batch]


def _groups(sized: list[tuple[int, int]], max_bytes: int) -> Iterator[list[int]]:
    """Cuts (uid, size) into groups of at most ``_GROUP_BYTES``; one above ``max_bytes`` stands alone."""
    group: list[int] = []
    total = 0
    for uid, size in sized:
        if group and (size > max_bytes or total + size > _GROUP_BYTES):
            yield group
            group, total = [], 0
        group.append(uid)
        total += size
        if size > max_bytes:
            yield group
            group, total = [], 0
    if group:
        yield group
