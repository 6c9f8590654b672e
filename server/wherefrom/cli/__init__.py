"""The command line: each command does what the management API does, by the same operations.

wherefrom COMMAND … [--settings FILE] [--json]

What a command works with is imported when it runs ("late"), not when its module is loaded: help and mistakes are
answered several times sooner, and a command does not load what only others need.
"""

from __future__ import annotations

import sys

import typer

from wherefrom.errors import WherefromError

_SERVICE = ("serve", "web", "work")


def main() -> None:
    """The program. Errors that a person can mend are told in words, with exit status 1."""
    try:
        _tree()()
    except WherefromError as error:
        sys.stderr.write(f"error: {error.detail}\n")
        if error.hint:
            sys.stderr.write(f"  try: {error.hint}\n")
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def _tree() -> typer.Typer:
    """All commands; for one that runs the service only those beside it, since to read the other sixty takes a tenth of
    its start."""
    if sys.argv[1:] and sys.argv[1] in _SERVICE:
        from wherefrom.cli.run import new_app

        return new_app()
    from wherefrom.cli.root import app

    return app


__all__ = ["main"]
