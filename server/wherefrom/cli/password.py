"""Passwords come from a prompt, a file or the environment: never from an argument, where any user's ps shows them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from wherefrom.errors import BadInput

PasswordFile = Annotated[Path | None, typer.Option("--password-file", help="A file that holds the password.")]


def read_password(file: Path | None, variable: str, *, twice: bool = False) -> str:
    """The password in ``file``, else in environment ``variable``, else typed (``twice`` to be sure)."""
    if file is not None:
        try:
            return file.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise BadInput(f"{file}: cannot be read: {error}") from None
    if variable in os.environ:
        return os.environ[variable]
    if not sys.stdin.isatty():
        raise BadInput("no password was given", hint=f"name a file with --password-file, or set {variable}")
    entered: str = typer.prompt("Password", hide_input=True, confirmation_prompt=twice)
    return entered
