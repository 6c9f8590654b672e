"""The whole database as one file, of one moment, while others write.

    SQLite       VACUUM INTO, within a transaction that reads       a database, ready to be opened
    PostgreSQL   pg_dump of an exported snapshot                    a custom dump, for pg_restore

``rows`` then reads exactly what is in the file.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

from sqlalchemy import URL, make_url, text

from wherefrom.db.engine import Database
from wherefrom.db.tx import Tx
from wherefrom.errors import SettingsError, WherefromError


@contextlib.asynccontextmanager
async def dump(database: Database, url: str, file: Path) -> AsyncIterator[Tx]:
    """Writes the database to ``file``, which must not be there; in the block, a transaction that reads what is in it.
    SettingsError where pg_dump is missing."""
    if database.dialect == "sqlite":
        await asyncio.to_thread(_vacuum, Path(str(make_url(url).database)), file)
        copy = Database(f"sqlite:///{file}")
        try:
            async with copy.read() as tx:
                yield tx
        finally:
            await copy.close()
        return
    async with database.read() as tx:
        await tx.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
        snapshot = await tx.scalar(text("SELECT pg_export_snapshot()"))
        await _run_pg_dump(make_url(url), str(snapshot), file)
        yield tx


def _vacuum(source: Path, file: Path) -> None:
    connection = sqlite3.connect(source)
    try:
        connection.execute("PRAGMA busy_timeout = 15000")
        connection.execute("VACUUM INTO ?", (str(file),))
    finally:
        connection.close()


async def _run_pg_dump(url: URL, snapshot: str, file: Path) -> None:
    program = shutil.which("pg_dump")
    if program is None:
        raise SettingsError(
            "pg_dump is not on this machine, and a backup of PostgreSQL is made by it",
            hint="install PostgreSQL's client programs, at least as new as the server",
        )
    query = {("sslmode" if name == "ssl" else name): value for name, value in url.query.items()}
    plain = URL.create("postgresql", url.username, None, url.host, url.port, url.database, query)
    process = await asyncio.create_subprocess_exec(
        program, "--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}", f"--file={file}",
        f"--dbname={plain.render_as_string(hide_password=False)}",
        env={**os.environ, **({"PGPASSWORD": str(url.password)} if url.password else {})},
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, told = await process.communicate()
    if process.returncode != 0:
        raise WherefromError(
            f"pg_dump failed: {told.decode(errors='replace').strip()[:500]}",
            hint="it must be at least as new as the server, and may connect as the service does",
        )
