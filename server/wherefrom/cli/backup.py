"""``wherefrom backup`` and ``wherefrom restore``"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wherefrom.cli.common import SettingsOption
from wherefrom.cli.service import read_settings

if TYPE_CHECKING:
    from wherefrom.archive.backup import Made
    from wherefrom.archive.restore import Restored


def backup(
    file: Annotated[Path, typer.Argument(help="The file to write, for example wherefrom-2026-11-21.tar.")],
    with_key: Annotated[
        bool, typer.Option("--with-key", help="Put the key file in too: then the backup alone opens every mailbox.")
    ] = False,
    settings: SettingsOption = None,
) -> None:
    """Back up database, letters and attachments into one file. The service goes on running."""
    from wherefrom.archive.backup import back_up  # late: see wherefrom.cli

    read = read_settings(settings)
    made = asyncio.run(back_up(read, file, with_key=with_key))
    typer.echo(f"{file}: {made.size} bytes, the database and {made.files} files of letters and attachments")
    if with_key:
        _warn(f"the key is in it: whoever has {file} can read every mailbox. Keep it as you keep the key.")
    else:
        typer.echo(
            f"The key is not in it. Keep a copy of {read.data.key_file} in another place: without it no mailbox "
            "password can be read, and no link of a letter works."
        )
    _complain(made)


def _complain(made: Made) -> None:
    if made.missing_count:
        _warn(
            f"{made.missing_count} files that letters name are not in the data folder, and so not in the backup: "
            + ", ".join(made.missing)
        )
    if made.spoilt_count:
        _warn(f"{made.spoilt_count} files are not what their names say, their disk may fail: {', '.join(made.spoilt)}")


def _warn(words: str) -> None:
    typer.echo(f"warning: {words}", err=True)


def restore(
    file: Annotated[Path, typer.Argument(help="A file that “wherefrom backup” has written.")],
    to: Annotated[Path, typer.Option("--to", help="An empty folder, which becomes the data folder.")],
) -> None:
    """Unpack a backup into an empty folder, compare its checksums, and say how to start from there."""
    from wherefrom.archive.restore import restore as unpack  # late: see wherefrom.cli

    folder = to.absolute()
    done = unpack(file, folder)
    typer.echo(f"the database of {done.made_at} and {done.files} files are in {folder}\n\n{_next(done, folder)}")


def _next(done: Restored, folder: Path) -> str:
    key = "" if done.key else f"Put your copy of the key file to {folder}/secret.key.\n"
    if done.engine == "postgresql":
        return (
            f"{key}Load the database into a new, empty one:\n\n"
            f"  pg_restore --no-owner --exit-on-error --dbname=postgresql://user@host/new {done.database}\n\n"
            f'Then put that into the settings and start:\n\n[data]\nfolder = "{folder}"\n'
            f'key_file = "{folder}/secret.key"'
        )
    return (
        f'{key}Put this into the settings and start:\n\n[database]\nurl = "sqlite:///{done.database}"\n'
        f'[data]\nfolder = "{folder}"\nkey_file = "{folder}/secret.key"'
    )
