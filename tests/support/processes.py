"""Another process beside the test's own, on the same database."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator


@contextlib.asynccontextmanager
async def other_process(source: str, *arguments: str) -> AsyncIterator[None]:
    """Runs Python's ``source`` beside the block, and waits for its good end. It has to say "ready", and then to wait
    for a line: the block begins as it does."""
    pipe = asyncio.subprocess.PIPE
    other = await asyncio.create_subprocess_exec(sys.executable, "-c", source, *arguments, stdin=pipe, stdout=pipe)
    assert other.stdin
    assert other.stdout
    assert await other.stdout.readline() == b"ready\n"
    other.stdin.write(b"go\n")
    yield
    other.stdin.close()
    assert await other.wait() == 0
