"""The watch over all statements sees what rooms run, and its list of exceptions names what there is."""

from __future__ import annotations

import gc
import importlib
import sys
from typing import Any

import pytest
from sqlalchemy import Table, select, text

import wherefrom.app  # noqa: F401 - imports every room, and so every table
from tests.support.across_sites import ALLOWED, METHODS, Watch
from tests.support.tenancy import find_unbound, is_tenant
from wherefrom.db import Prepared, Tx, metadata
from wherefrom.events.store import claim_unfanned
from wherefrom.services import Services
from wherefrom.visits.tables import visit

NOT_WATCHED = {"scalar", "scalars", "append", "flush", "recall", "run_sync", "ask_for_many", "alone", "claim", "lock",
               "lock_each", "savepoint", "forget_again"}  # fmt: skip
"""They lead to watched ones, add rows with their site, or run nothing of a room's."""


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # the watch is before any engine
async def test_what_a_room_runs_over_all_sites_is_told_with_its_function(services: Services) -> None:
    strict = Watch({})
    watched = _watched_copy(strict)
    async with services.db.write() as tx:
        tx.__class__ = watched
        assert await claim_unfanned(tx, 10) == []
    (fault,) = strict.take()
    assert fault.startswith("events.store.claim_unfanned: event without its site: SELECT")
    assert strict.take() == []


def _watched_copy(watch: Watch) -> type[Tx]:
    """``Tx`` under one watch more."""
    return type("Watched", (Tx,), {name: watch.watching(getattr(Tx, name)) for name in METHODS})


@pytest.mark.parametrize("statement", [text("SELECT 1"), "SELECT 1"])
async def test_sql_as_text_cannot_be_judged_and_is_told(statement: Any, services: Services) -> None:
    watch = Watch()
    watch.look(statement, "visits.store.find", services.db.sync_engine.dialect)
    assert [one.partition(" without")[0] for one in watch.take()] == ["visits.store.find: a statement as text"]


def test_a_setting_of_the_transaction_asks_no_table() -> None:
    watch = Watch()
    watch.look(text("SET TRANSACTION READ ONLY"), "visits.store.find", _any_dialect())
    assert watch.take() == []


def test_what_is_allowed_for_one_table_is_not_for_another() -> None:
    watch = Watch({"visits.store.find: lease": "a reason"})
    watch.look(select(visit), "visits.store.find", _any_dialect())
    assert len(watch.take()) == 1


def _any_dialect() -> Any:
    from sqlalchemy.dialects import sqlite

    return sqlite.dialect()


@pytest.mark.parametrize("name", ALLOWED)
def test_every_exception_is_of_a_function_and_a_table_there_are_and_has_a_reason(name: str) -> None:
    function, _, table = name.partition(": ")
    module, _, named = function.rpartition(".")
    assert callable(getattr(importlib.import_module(f"wherefrom.{module}"), named))
    assert is_tenant(metadata.tables[table])
    assert ALLOWED[name]


def test_every_way_to_run_a_statement_is_watched() -> None:
    ways = {name for name, value in vars(Tx).items() if callable(value) and not name.startswith("_")}
    assert ways - NOT_WATCHED == set(METHODS)


def test_every_prepared_statement_names_its_site() -> None:
    """Also those that no test runs: they are made where their modules are."""
    modules = [module for name, module in sys.modules.items() if name.startswith("tests.")]
    tests = {id(one) for module in modules for one in vars(module).values()}
    gc.unfreeze()  # a service that another test ran in this process has set what there was aside
    found = [one for one in gc.get_objects() if isinstance(one, Prepared) and id(one) not in tests]
    assert len(found) > 50
    ours = [one for one in found if all(table.metadata is metadata for table in one.tables)]
    dialect = _any_dialect()
    told = {str(one.form(dialect).sql): find_unbound(one.spell(dialect)) for one in ours}
    assert {sql: tables for sql, tables in told.items() if tables} == {}


@pytest.mark.parametrize("table", [one for one in metadata.sorted_tables if is_tenant(one)], ids=lambda one: one.name)
def test_nothing_is_unique_over_all_sites(table: Table) -> None:
    """Else a table cannot be distributed by its site, and one site would hear of another's rows."""
    for index in table.indexes:
        assert not index.unique or "site_id" in {column.name for column in index.columns}, index.name
    for constraint in table.constraints:
        assert "site_id" in {column.name for column in getattr(constraint, "columns", ())}, constraint
