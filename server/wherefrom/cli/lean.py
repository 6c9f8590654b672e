"""Loads the service without what comes along only because it is installed."""

from __future__ import annotations

import contextlib
import gc
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer._click import Command, Context, Parameter
from typer.core import TyperCommand, TyperGroup


@contextlib.contextmanager
def loading() -> Iterator[None]:
    """Around the import of the service. Two things are left out that took a quarter of a start:

    The garbage collector looks again and again through what is loaded, all of which stays. So it rests meanwhile, and
    is told afterwards that it need not look there.

    structlog and httpx load rich and pygments where they find them, 7 MB for tracebacks and a command line that are not
    used. Within the block they do not find them.
    """
    gc.disable()
    hidden = {name: None for name in ("rich", "pygments") if name not in sys.modules}
    sys.modules.update(hidden)  # type: ignore[arg-type]  # None: Python's own sign for "there is no such module"
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
        gc.freeze()
        gc.enable()


class _Spare(Command):
    """Reads help and the settings' path by itself: Typer loads pydantic for any option that is no plain flag, 9 MB and
    a twentieth of a second."""

    def get_params(self, ctx: Context) -> list[Parameter]:
        parameters = super().get_params(ctx)
        for one in parameters:
            if one.name in ("help", "settings"):
                one._runtime_param = _AsWritten()  # type: ignore[attr-defined]
        return parameters


class ServiceGroup(_Spare, TyperGroup):
    """A group with commands that go on running."""


class ServiceCommand(_Spare, TyperCommand):
    """A command that goes on running; its one option is the settings' path."""


class _AsWritten:
    """As Typer's own ``RuntimeParam``: a flag or None stays, text becomes a path."""

    def coerce(self, value: Any, **_context: Any) -> Any:
        return Path(value) if isinstance(value, str) else value
