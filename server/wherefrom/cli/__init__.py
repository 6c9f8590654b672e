"""The command line: each command does what the management API does, by the same operations.

wherefrom COMMAND … [--settings FILE] [--json]
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
