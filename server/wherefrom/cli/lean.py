"""Loads the service without what comes along only because it is installed."""

from __future__ import annotations

import contextlib
import gc
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

from typer._click import Command, Context, Parameter
from typer.core import TyperCommand, TyperGroup

_HIDDEN = ("rich", "pygments", "click")
_PARTS = {"sqlalchemy.ext.asyncio": ("engine",), "uvicorn": ("config", "server")}


@contextlib.contextmanager
def loading() -> Iterator[None]:
    """Around the import of the service. Three things are left out that took a third of a start:

    The garbage collector looks again and again through what is loaded, all of which stays. So it rests meanwhile, and
    is told afterwards that it need not look there.

    structlog and httpx load rich, pygments and click where they find them, 8 MB for tracebacks and a command line that
    are not used. Within the block they do not find them.

    SQLAlchemy's asyncio package loads the ORM, and uvicorn's a command line, beside the one part that is used: see
    ``_InParts``.
    """
    gc.disable()
    hidden = {name: None for name in _HIDDEN if name not in sys.modules}
    sys.modules.update(hidden)  # type: ignore[arg-type]  # None: Python's own sign for "there is no such module"
    sys.meta_path.insert(0, _InParts)
    try:
        yield
    finally:
        sys.meta_path.remove(_InParts)
        for name in hidden:
            del sys.modules[name]
        gc.freeze()
        gc.enable()


class _InParts(SourceFileLoader):
    """Finds and loads the packages of ``_PARTS`` without running them: what is asked of such a package is looked for in
    its parts, and only when none of them has it the package runs, as it would have at first."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        found = PathFinder.find_spec(name, path, target) if name in _PARTS else None
        if found is not None and isinstance(found.loader, SourceFileLoader):
            found.loader = _InParts(name, found.loader.path)
        return found

    def exec_module(self, module: ModuleType) -> None:
        parts = [import_module(f"{self.name}.{part}") for part in _PARTS[self.name]]

        def find(asked: str) -> Any:
            for part in parts:
                if hasattr(part, asked):
                    return getattr(part, asked)
            del module.__getattr__
            SourceFileLoader.exec_module(self, module)
            return getattr(module, asked)

        module.__getattr__ = find  # type: ignore[method-assign]  # Python's own door (PEP 562)


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
