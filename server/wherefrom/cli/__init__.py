"""The command line: each command does what the management API does, by the same operations.

wherefrom COMMAND … [--settings FILE] [--json]

What a command works with is imported when it runs ("late"), not when its module is loaded: help and mistakes are
answered several times sooner, and a command does not load what only others need.
"""

from __future__ import annotations

import sys

from wherefrom.cli.root import app
from wherefrom.errors import WherefromError


def main() -> None:
    """The program. Errors that a person can mend are told in words, with exit status 1."""
    try:
        app()
    except WherefromError as error:
        sys.stderr.write(f"error: {error.detail}\n")
        if error.hint:
            sys.stderr.write(f"  try: {error.hint}\n")
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


__all__ = ["app", "main"]
