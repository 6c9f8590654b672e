"""Watches every statement that a room runs in the suite, and tells of those that do not name the site.

A statement is judged where the room hands it to its transaction (``Tx``), so that it is known which function of the
room runs it. What runs over all sites, and rightly so, is listed here with the reason. A test that ran anything else
fails (see ``tests/conftest.py``). What tests ask themselves is not looked at, nor what ``db`` does for its own sake.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Dialect, TextClause

from tests.support.tenancy import find_unbound
from wherefrom.db import Prepared, Tx

_QUEUE = "looks for work of any site; what it claims is named by site"
_EXPIRED = "what has run out, of any site, by an index of the time"
_CLOCK = "the clock of the whole installation was set back; an operator's command"
_SUMS = "sums for the operator, each by an index of what waits"

ALLOWED: Mapping[str, str] = {
    "accounts.store.delete_user: membership": "a person, wherever they belong to, by an index of persons",
    "archive.store.is_at_work: mailbox": "whether any process works, before a database is moved or copied",
    "archive.store.list_loose: loose_blob": _QUEUE,
    "archive.store.move_back: alarm": _CLOCK,
    "archive.store.move_back: delivery": _CLOCK,
    "archive.store.move_back: endpoint": _CLOCK,
    "archive.store.move_back: hit": _CLOCK,
    "archive.store.move_back: intent_hour": _CLOCK,
    "archive.store.move_back: lease": _CLOCK,
    "archive.store.move_back: mailbox": _CLOCK,
    "archive.store.move_back: mailbox_grant": _CLOCK,
    "archive.store.move_back: message": _CLOCK,
    "archive.store.move_back: outgoing": _CLOCK,
    "archive.store.move_back: pool_hour": _CLOCK,
    "archive.store.move_back: sender": _CLOCK,
    "archive.store.move_back: substitute": _CLOCK,
    "events.alarm_store.claim_alarms: alarm": _QUEUE,
    "events.alarm_store.is_any_alarm_due: alarm": _QUEUE,
    "events.store.claim_unfanned: event": _QUEUE,
    "grants.store.delete_requests: grant_request": _EXPIRED,
    "inbox.store.mailboxes.list_enabled: mailbox": _QUEUE,
    "inbox.store.messages.claim_messages: message": _QUEUE,
    "metrics.store._by_status: endpoint": _SUMS,
    "metrics.store._by_status: mailbox": _SUMS,
    "metrics.store._named: endpoint": _SUMS,
    "metrics.store._named: mailbox": _SUMS,
    "metrics.store._named: sender": _SUMS,
    "metrics.store._queue: delivery": _SUMS,
    "metrics.store._queue: endpoint": _SUMS,
    "metrics.store._queue: event": _SUMS,
    "metrics.store._queue: hit": _SUMS,
    "metrics.store._queue: message": _SUMS,
    "metrics.store._queue: outgoing": _SUMS,
    "metrics.store.list_broken: endpoint": _SUMS,
    "metrics.store.list_broken: mailbox": _SUMS,
    "metrics.store.list_broken: sender": _SUMS,
    "outbound.store.outgoing.find_next_at: outgoing": _QUEUE,
    "outbound.store.outgoing.find_next_at: sender": _QUEUE,
    "outbound.store.outgoing.list_due_sites: outgoing": _QUEUE,
    "outbound.store.outgoing.list_due_sites: sender": _QUEUE,
    "outbound.store.outgoing.list_expired: outgoing": _QUEUE,
    "probes.store.forget_probes: probe": _EXPIRED,
    "sites.store._list: host": "sites by key, name or all, with their hosts: it is where a site's id comes from",
    "substitution.store.proofs.claim_due: substitute": _QUEUE,
    "substitution.store.proofs.claim_due: target": _QUEUE,
    "substitution.store.proofs.is_any_due: substitute": _QUEUE,
    "substitution.store.proofs.is_any_due: target": _QUEUE,
    "substitution.store.proofs.is_any_unproved: substitute": "asked once, at the start of a process",
    "substitution.store.proofs.is_any_unproved: target": "asked once, at the start of a process",
    "substitution.store.proofs.waive_proofs: substitute": "once, when nobody sends probes any more",
    "substitution.store.proofs.waive_proofs: target": "once, when nobody sends probes any more",
    "substitution.store.shortages.forget_shortages: shortage": _EXPIRED,
    "substitution.store.substitutes.is_any_overdue: substitute": _QUEUE,
    "substitution.store.substitutes.release_overdue: substitute": _QUEUE,
    "substitution.store.targets.list_pool_sites: target": _QUEUE,
    "tracking.store.list_hits: hit": _QUEUE,
    "vault.store.list_kept: blob_piece": "whether any site still holds bytes of this name, by an index of names",
    "webhooks.store.due.find_next_due: delivery": _QUEUE,
    "webhooks.store.due.find_next_due: endpoint": _QUEUE,
    "webhooks.store.due.list_due: delivery": _QUEUE,
    "webhooks.store.due.list_due: endpoint": _QUEUE,
}
"""What may run over all sites, by function and table, and why."""

METHODS = ("execute", "exec_driver_sql", "fetch", "change", "fetch_each", "change_each")
"""Ways to ask or change something; the others of ``Tx`` only append, or lead to these."""


class Watch:
    """``faults``: what was run without a site and is not allowed, since the last ``take``."""

    def __init__(self, allowed: Mapping[str, str] = ALLOWED) -> None:
        self._allowed = allowed
        self._judged: dict[Any, list[str]] = {}
        self._faults: dict[str, str] = {}

    def install(self) -> None:
        """From now on, in this process."""
        for name in METHODS:
            setattr(Tx, name, self.watching(getattr(Tx, name)))

    def take(self) -> list[str]:
        """The faults since the last call, in words."""
        faults, self._faults = self._faults, {}
        return [f"{name} without its site: {sql}" for name, sql in faults.items()]

    def look(self, statement: Any, where: str, dialect: Dialect) -> None:
        """Judges a statement that the function ``where`` runs."""
        if isinstance(statement, Prepared):
            statement = statement.spell(dialect)
        for table in self._judge(statement):
            name = f"{where}: {table}"
            if name not in self._allowed and name not in self._faults:
                is_text = isinstance(statement, str)
                self._faults[name] = statement if is_text else str(statement.compile(dialect=dialect))

    def watching(self, method: Callable[..., Any]) -> Callable[..., Any]:
        """A method of ``Tx`` that looks first."""

        @functools.wraps(method)
        def watched(tx: Tx, statement: Any, *arguments: Any, **named: Any) -> Any:
            where = _caller()
            if where is not None:
                self.look(statement, where, tx.dialect)
            return method(tx, statement, *arguments, **named)

        return watched

    def _judge(self, statement: Any) -> list[str]:
        if isinstance(statement, str | TextClause):
            return [] if str(statement).startswith("SET ") else ["a statement as text"]
        key = statement._generate_cache_key()
        if key is None:
            return find_unbound(statement)
        if key.key not in self._judged:
            self._judged[key.key] = find_unbound(statement)
        return self._judged[key.key]


def _caller() -> str | None:
    """The function of a room that runs a statement, as ``inbox.store.find_x``; None for tests."""
    frame = sys._getframe(2)
    while frame.f_back is not None and frame.f_globals["__name__"] in _BETWEEN:
        frame = frame.f_back
    module: str = frame.f_globals["__name__"]
    if not module.startswith("wherefrom.") or module.startswith("wherefrom.db."):
        return None
    return f"{module.removeprefix('wherefrom.')}.{frame.f_code.co_qualname.replace('.<locals>', '')}"


_BETWEEN = {"wherefrom.db.tx", "wherefrom.db.walk", "wherefrom.db.waves", __name__}
