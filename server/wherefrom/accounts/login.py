"""Logging in and staying logged in.

A session is a random token in the browser's cookie; the database holds only its SHA-256, so a stolen database opens no
session. Failed tries are counted per account and per network address, in the database, because several web processes
share it. A try is noted *before* the password is checked and taken back when it succeeds: a thousand tries sent at once
are therefore limited like a thousand sent one after the other.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from wherefrom.accounts import store
from wherefrom.accounts.password import hash_password, outdated, verify_password
from wherefrom.accounts.store import User
from wherefrom.addresses import find_address
from wherefrom.db import Tx
from wherefrom.errors import TooMany, Unauthorized
from wherefrom.services import Services
from wherefrom.tokens import hash_token, random_token

WINDOW = timedelta(minutes=15)
MOST_PER_ACCOUNT = 10
MOST_PER_IP = 30
"""Failed tries within ``WINDOW``. An office behind one address has several people, hence the larger number."""

_LONGEST_IP = 45
_NO_ADDRESS = "(no address)"  # what is typed may be anything, even what a database refuses to store


async def log_in(services: Services, email: str, password: str, ip: str) -> tuple[User, str]:
    """Opens a session: the user and the token for the cookie.

    Unauthorized when address and password do not fit (it does not say which of the two), TooMany with the seconds to
    wait (``extra["retry_after"]``) after too many failures.
    """
    address = find_address(email)
    key = address.key if address else _NO_ADDRESS
    ip, failure_id = ip[:_LONGEST_IP], services.ids.next()
    async with services.db.write() as tx:
        await _check_tries(tx, key, ip, services.clock.now())
        await store.add_failure(tx, failure_id, key, ip, services.clock.now())
        found = await store.find_user(tx, key)
    user, stored = found or (None, None)
    if not await verify_password(stored, password) or user is None or stored is None:
        raise Unauthorized(
            "this e-mail address and password do not fit together",
            hint="check both for typing errors; “wherefrom user add” makes a new account",
        )
    renewed = await hash_password(password) if outdated(stored) else None
    token = random_token(32)
    now = services.clock.now()
    until = now + timedelta(days=services.settings.console.session_days)
    async with services.db.write() as tx:
        if renewed:
            await store.mark_password(tx, user.id, renewed)
        await store.delete_failures(tx, failure_id, key)
        await store.add_login(tx, hash_token(token), user.id, now, until)
    return user, token


async def find_session(tx: Tx, token: str, now: datetime) -> User | None:
    """The user whose cookie this is; None when it is unknown, closed or expired."""
    return await store.find_login(tx, hash_token(token), now) if token else None


async def log_out(services: Services, token: str) -> None:
    """Closes the session; the cookie is worthless afterwards, wherever a copy of it is."""
    async with services.db.write() as tx:
        await store.delete_login(tx, hash_token(token))


async def forget_expired(services: Services) -> int:
    """Housekeeping: removes sessions that are over and tries that count no more; how many rows."""
    now = services.clock.now()
    async with services.db.write() as tx:
        return await store.delete_expired_logins(tx, now) + await store.delete_old_failures(tx, now - WINDOW)


async def _check_tries(tx: Tx, email: str, ip: str, now: datetime) -> None:
    since = now - WINDOW
    await tx.lock("log-in", email)
    await tx.lock("log-in", ip)
    for what, tries, most in (
        ("for this account", await store.list_failures(tx, email=email, since=since), MOST_PER_ACCOUNT),
        ("from your network address", await store.list_failures(tx, ip=ip, since=since), MOST_PER_IP),
    ):
        if len(tries) >= most:
            wait = tries[-most] + WINDOW - now
            minutes = max(1, -(-int(wait.total_seconds()) // 60))
            raise TooMany(
                f"too many failed log-ins {what}",
                hint=f"wait {minutes} minute{'s' if minutes > 1 else ''} and try again",
                retry_after=max(1, int(wait.total_seconds())),
            )
