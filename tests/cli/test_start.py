"""How little is loaded before it is needed: what keeps help, mistakes and the start of the service quick."""

from __future__ import annotations

import json
import subprocess
import sys

_TELL = "; import json, sys; print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"


def loaded_by(code: str) -> set[str]:
    """The packages a new interpreter has loaded after ``code``."""
    done = subprocess.run([sys.executable, "-c", code + _TELL], capture_output=True, text=True, check=True, timeout=60)
    return set(json.loads(done.stdout))


def test_the_command_line_is_read_without_what_commands_work_with() -> None:
    assert not loaded_by("import wherefrom.cli") & {"sqlalchemy", "starlette", "uvicorn", "httpx", "cryptography"}
