"""Keys for the management API: ``wfk_`` and 32 random letters. The secret is shown once; its SHA-256 is kept.

A fast hash is enough here, unlike for passwords: a secret of 192 random bits is not guessed from its hash.
"""

from __future__ import annotations

from datetime import timedelta

from wherefrom.accounts import store
from wherefrom.accounts.store import Key
from wherefrom.db import Tx
from wherefrom.errors import BadInput
from wherefrom.services import Services
from wherefrom.tokens import hash_token, random_token
from wherefrom.web.api import KeyHolder

PREFIX = "wfk_"
"""Lets secret scanners, and people who find one in a file, tell what it is."""

_HINT_LENGTH = 8
_LONGEST_NAME = 200
_USE_NOTED_EVERY = timedelta(minutes=1)


async def add_key(services: Services, site_id: int | None, name: str) -> tuple[Key, str]:
    """Makes a key for one site, or for all (None): the key and its secret, which cannot be had again.

    BadInput when the name is empty or longer than 200 characters.
    """
    name = name.strip()
    if not 0 < len(name) <= _LONGEST_NAME or not name.isprintable():
        raise BadInput(
            "a key needs a name of 1 to 200 printable characters", hint="name what will use it, such as “CRM”"
        )
    secret = PREFIX + random_token(24)
    one = Key(services.ids.next(), site_id, name, secret[:_HINT_LENGTH], services.clock.now(), None)
    async with services.db.write() as tx:
        await store.add_key(tx, one, hash_token(secret))
    return one, secret


async def find_key_holder(services: Services, secret: str) -> KeyHolder | None:
    """Whose key this is; None when it is none. Notes the use, at most once a minute and key."""
    if not secret.startswith(PREFIX):
        return None
    async with services.db.read() as tx:
        one = await store.find_key(tx, hash_token(secret))
    if one is None:
        return None
    now = services.clock.now()
    if one.last_used_at is None or now - one.last_used_at >= _USE_NOTED_EVERY:

        async def note(tx: Tx) -> None:
            await store.mark_key_used(tx, one.id, now)

        await services.db.batch(note)
    return KeyHolder(one.id, one.site_id)
