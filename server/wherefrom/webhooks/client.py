"""The guarded client, made when it is first asked for.

httpx and what it loads take 4 MB and a twentieth of a start. Who has no receiver never needs them, and what imports
them is imported where it is called: ``webhooks.post``, ``webhooks.guard``, ``mail.token_request``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wherefrom.settings import Settings

if TYPE_CHECKING:
    import httpx


class LateClient:
    """One for a process; close it with ``aclose()``."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client: httpx.AsyncClient | None = None

    def __call__(self) -> httpx.AsyncClient:
        if self._client is None:
            from wherefrom.webhooks.guard import client

            self._client = client(self._settings)
        return self._client

    async def aclose(self) -> None:
        if self._client is not None:
            await self._client.aclose()
