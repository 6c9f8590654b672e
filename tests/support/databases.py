"""Gives each test an empty database of its own by copying a template that was migrated once."""

import shutil
from pathlib import Path
from typing import Protocol

from tests.support.postgres import Postgres


class Databases(Protocol):
    """Makes and deletes databases of one engine."""

    async def create(self, folder: Path) -> str:
        """A new empty database with the newest schema, in `folder` if it is a file. Returns its URL."""
        ...

    async def drop(self, url: str) -> None:
        """Deletes what `create` made; whoever is still connected is cut."""
        ...


class SqliteDatabases:
    """Copies of a file."""

    def __init__(self, template: Path) -> None:
        left = template.with_name(template.name + "-wal")
        assert not left.exists(), f"{left} holds pages that a copy of {template.name} would lack"
        self._template = template

    async def create(self, folder: Path) -> str:
        file = folder / "wherefrom.db"
        shutil.copyfile(self._template, file)
        return f"sqlite:///{file}"

    async def drop(self, url: str) -> None:
        """The file goes with the test's own folder."""


class PostgresDatabases:
    """Copies of a template database."""

    def __init__(self, server: Postgres, template: str) -> None:
        self._server = server
        self._template = template

    async def create(self, folder: Path) -> str:
        return self._server.url(await self._server.create_database(self._template))

    async def drop(self, url: str) -> None:
        await self._server.drop_database(url.rpartition("/")[2])
