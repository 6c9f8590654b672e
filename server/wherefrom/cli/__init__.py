"""The command line: each command does what the management API does, by the same operations.

wherefrom COMMAND … [--settings FILE] [--json]

What a command works with is imported when it runs ("late"), not when its module is loaded: help and mistakes are
answered several times sooner, and a command does not load what only others need. The commands that go on running are
found without Typer where nothing but the settings is named: to load it, and read the tree of commands, is a fiftieth
of their start.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from wherefrom.cli.service import find_service, run_service
from wherefrom.errors import WherefromError


def main() -> None:
    """The program. Errors that a person can mend are told in words, with exit status 1."""
    try:
        _run(sys.argv[1:])
    except WherefromError as error:
        sys.stderr.write(f"error: {error.detail}\n")
        if error.hint:
            sys.stderr.write(f"  try: {error.hint}\n")
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def _run(words: Sequence[str]) -> None:
    service = find_service(words)
    if service is not None:
        run_service(service.settings, web=service.web, work=service.work)
        return
    from wherefrom.cli.root import app  # late: see above

    app()


__all__ = ["main"]
