"""``wherefrom copy``: a whole database into another one."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated

import typer

from wherefrom.cli.common import SettingsOption
from wherefrom.cli.service import read_settings


def copy(
    to: Annotated[
        str,
        typer.Option(
            "--to",
            envvar="WHEREFROM_COPY_TO",
            help="The new, empty database: postgresql://user:password@host/name or sqlite:///file.",
        ),
    ],
    rehearsal: Annotated[
        bool, typer.Option("--rehearsal", help="Copy although the service runs, to see how long it takes.")
    ] = False,
    settings: SettingsOption = None,
) -> None:
    """Copy the whole database into another, empty one: from SQLite to PostgreSQL, or back.

    Stop the service first: what is written during the copy would be lost. The old database stays as it is.
    """
    from wherefrom.archive.move import move  # late: see wherefrom.cli

    read = read_settings(settings)
    copied = asyncio.run(move(read.database.url, to, _Line().tell, rehearsal=rehearsal))
    typer.echo(f"{copied} rows copied and counted. Next:\n" + (_REHEARSED if rehearsal else _NEXT))


_NEXT = """\
  1. put the new URL into the settings, [database] url, or WHEREFROM_DATABASE_URL
  2. wherefrom check
  3. start the service, and never again on the old database: what it writes there is not in the new one
Letters and attachments stay where they are, in data.folder, and so does the key file: take both along when the service
moves to another machine. Keep the old database until the new one has proved itself."""
_REHEARSED = "  this was a rehearsal: empty the new database, stop the service, and copy again without --rehearsal"


class _Line:
    """One line on standard error that is written over; where that is no terminal, a line for each table."""

    def __init__(self) -> None:
        self._over = sys.stderr.isatty()

    def tell(self, table: str, copied: int, total: int) -> None:
        if self._over:
            sys.stderr.write(f"\r\x1b[K{table}: {copied} of {total}" + ("\r\x1b[K" if copied == total else ""))
            sys.stderr.flush()
        elif copied == total and total:
            sys.stderr.write(f"{table}: {total}\n")
