"""What commands share: options, opening the services, printing answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import msgspec
import typer

from wherefrom.cli.lean import loading
from wherefrom.cli.service import read_settings

if TYPE_CHECKING:
    from wherefrom.services import Services

T = TypeVar("T")

SettingsOption = Annotated[
    Path | None,
    typer.Option("--settings", "-s", help="The settings file; without it ./settings.toml if there is one."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]


def with_services(path: Path | None, use: Callable[[Services], Awaitable[T]]) -> T:
    """Opens the database and calls ``use``; SettingsError when the schema is not the newest."""
    with loading():
        from wherefrom.app import open_services  # late, both: see wherefrom.cli
        from wherefrom.db.migrate import check_revision

    async def run() -> T:
        async with open_services(read_settings(path)) as services:
            await check_revision(services.db)
            return await use(services)

    return asyncio.run(run())


async def invoke(
    services: Services, method: str, path: str, *, body: Mapping[str, Any] | None = None,
    query: Mapping[str, Any] | None = None, **params: str,
) -> Any:  # fmt: skip
    """``management.invoke``: the answer of operation ``method path``, with an operator's rights."""
    from wherefrom import management  # late: see wherefrom.cli

    return await management.invoke(services, method, path, body=body, query=query, **params)


def show(answer: Any, as_json: bool, words: Callable[[dict[str, Any]], str]) -> None:
    """Prints ``answer`` as JSON, or what ``words`` says of it."""
    plain = msgspec.to_builtins(answer)
    typer.echo(json.dumps(plain, indent=2, ensure_ascii=False) if as_json else words(plain))
