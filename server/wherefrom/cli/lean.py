"""Loads the service without what comes along only because it is installed."""

from __future__ import annotations

import contextlib
import gc
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import Any

_HIDDEN = ("rich", "pygments", "click")
_UNWANTED = "httpx._main"
_PARTS = {"sqlalchemy.ext.asyncio": ("engine",), "uvicorn": ("config", "server")}


@contextlib.contextmanager
def loading() -> Iterator[None]:
    """Around the import of the service. Three things are left out that took a third of a start:

    The garbage collector looks again and again through what is loaded, all of which stays. So it rests meanwhile, and
    is told afterwards that it need not look there.

    structlog loads rich, and that pygments, where it finds them, for tracebacks that are not used; httpx loads a
    command line with click: 8 MB. Within the block they do not find them, and httpx, which is loaded when it is first
    called, never finds its command line.

    SQLAlchemy's asyncio package loads the ORM, and uvicorn's a command line, beside the one part that is used: see
    ``_InParts``.
    """
    gc.disable()
    hidden = {name: None for name in _HIDDEN if name not in sys.modules}
    sys.modules.update(hidden)  # type: ignore[arg-type]  # None: Python's own sign for "there is no such module"
    sys.modules.setdefault(_UNWANTED, None)  # type: ignore[arg-type]
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
