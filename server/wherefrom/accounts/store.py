"""All SQL of the accounts room: users, their log-ins, failed tries, and API keys.

Secrets come in hashed and never leave: nothing here has seen a password, a cookie or a key in clear.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, Row, delete, or_, select, update

from wherefrom.accounts.tables import api_key, login, login_failure, membership, user
from wherefrom.db import Tx, insert
from wherefrom.errors import Conflict, NotFound

OPERATOR = 0
"""The ``site_id`` of a key that opens every site."""


class User(Struct, frozen=True):
    """Somebody who may log in to the console. ``email`` is in its key form, lower case."""

    id: int
    email: str
    created_at: datetime


class Key(Struct, frozen=True):
    """An API key without its secret. ``site_id`` None: an operator's. ``hint``: how the secret begins."""

    id: int
    site_id: int | None
    name: str
    hint: str
    created_at: datetime
    last_used_at: datetime | None


def _user(row: Row[Any]) -> User:
    return User(row.id, row.email, row.created_at)


def _key(row: Row[Any]) -> Key:
    site_id = None if row.site_id == OPERATOR else row.site_id
    return Key(row.id, site_id, row.name, row.hint, row.created_at, row.last_used_at)


async def add_user(tx: Tx, one: User, password_hash: str) -> None:
    """Adds the user; Conflict when the address has an account already."""
    row = {"id": one.id, "email": one.email, "password_hash": password_hash, "created_at": one.created_at}
    done = await tx.execute(insert(tx, user).values(row).on_conflict_do_nothing(index_elements=[user.c.email]))
    if not done.rowcount:
        raise Conflict(f"{one.email} has an account already", hint="log in, or give the account a new password")


async def find_user(tx: Tx, email: str) -> tuple[User, str] | None:
    """The user with this address (key form) and the stored hash of the password."""
    row = (await tx.execute(select(user).where(user.c.email == email))).one_or_none()
    return (_user(row), row.password_hash) if row else None


async def get_user(tx: Tx, user_id: int) -> User:
    """The user; NotFound."""
    row = (await tx.execute(select(user).where(user.c.id == user_id))).one_or_none()
    if row is None:
        raise NotFound(f"there is no user {user_id}", hint="list them: GET /users")
    return _user(row)


async def list_users(tx: Tx) -> list[User]:
    """All users, by address."""
    return [_user(row) for row in await tx.execute(select(user).order_by(user.c.email))]


async def list_owners(tx: Tx, site_id: int, limit: int) -> list[User]:
    """Who is told what a site needs: its owners; while nobody is named one, everybody who may log in. The first ones
    come first."""
    mine = select(membership.c.user_id).where(membership.c.site_id == site_id, membership.c.role == "owner")
    first = select(user).order_by(user.c.id).limit(limit)
    named = [_user(row) for row in await tx.execute(first.where(user.c.id.in_(mine)))]
    return named or [_user(row) for row in await tx.execute(first)]


async def any_user(tx: Tx) -> bool:
    """Whether anybody can log in at all."""
    return (await tx.execute(select(user.c.id).limit(1))).first() is not None


async def mark_password(tx: Tx, user_id: int, password_hash: str) -> None:
    """Replaces the stored hash."""
    await tx.execute(update(user).where(user.c.id == user_id).values(password_hash=password_hash))


async def delete_user(tx: Tx, user_id: int) -> None:
    """Removes the user with all log-ins and memberships; NotFound."""
    done = await tx.execute(delete(user).where(user.c.id == user_id))
    if not done.rowcount:
        raise NotFound(f"there is no user {user_id}", hint="list them: GET /users")
    await tx.execute(delete(membership).where(membership.c.user_id == user_id))
    await delete_logins(tx, user_id)


async def add_login(tx: Tx, token_hash: str, user_id: int, now: datetime, expires_at: datetime) -> None:
    """Opens a session."""
    await tx.execute(
        login.insert().values(token_hash=token_hash, user_id=user_id, created_at=now, expires_at=expires_at)
    )


async def find_login(tx: Tx, token_hash: str, now: datetime) -> User | None:
    """Whose open session this is; None when there is none or it has expired."""
    row = (
        await tx.execute(
            select(user)
            .join(login, login.c.user_id == user.c.id)
            .where(login.c.token_hash == token_hash, login.c.expires_at > now)
        )
    ).one_or_none()
    return _user(row) if row else None


async def delete_login(tx: Tx, token_hash: str) -> None:
    """Closes one session; none there is no error."""
    await tx.execute(delete(login).where(login.c.token_hash == token_hash))


async def delete_logins(tx: Tx, user_id: int) -> None:
    """Closes all sessions of a user."""
    await tx.execute(delete(login).where(login.c.user_id == user_id))


async def delete_expired_logins(tx: Tx, now: datetime) -> int:
    """Removes sessions that are over; how many."""
    return (await tx.execute(delete(login).where(login.c.expires_at <= now))).rowcount


async def add_failure(tx: Tx, failure_id: int, email: str, ip: str, now: datetime) -> None:
    """Notes a try that has not succeeded (yet)."""
    await tx.execute(login_failure.insert().values(id=failure_id, email=email, ip=ip, failed_at=now))


async def list_failures(tx: Tx, *, email: str = "", ip: str = "", since: datetime) -> list[datetime]:
    """When tries for this account, or else from this address, failed after ``since``; the oldest first."""
    who = login_failure.c.email == email if email else login_failure.c.ip == ip
    rows = await tx.execute(
        select(login_failure.c.failed_at)
        .where(who, login_failure.c.failed_at > since)
        .order_by(login_failure.c.failed_at)
    )
    return list(rows.scalars())


async def delete_failures(tx: Tx, failure_id: int, email: str) -> None:
    """Forgets one try, and all of this account: its owner has been here."""
    await tx.execute(delete(login_failure).where(or_(login_failure.c.id == failure_id, login_failure.c.email == email)))


async def delete_old_failures(tx: Tx, before: datetime) -> int:
    """Removes tries that count no more; how many."""
    return (await tx.execute(delete(login_failure).where(login_failure.c.failed_at <= before))).rowcount


async def add_key(tx: Tx, one: Key, secret_hash: str) -> None:
    """Adds the key."""
    await tx.execute(
        api_key.insert().values(
            id=one.id,
            site_id=OPERATOR if one.site_id is None else one.site_id,
            name=one.name,
            secret_hash=secret_hash,
            hint=one.hint,
            created_at=one.created_at,
        )
    )


async def find_key(tx: Tx, secret_hash: str) -> Key | None:
    """The key whose secret hashes to this."""
    row = (await tx.execute(select(api_key).where(api_key.c.secret_hash == secret_hash))).one_or_none()
    return _key(row) if row else None


async def list_keys(tx: Tx, site_id: int | None) -> list[Key]:
    """The keys of a site, or the operator's (None); the oldest first."""
    rows = await tx.execute(select(api_key).where(_of(site_id)).order_by(api_key.c.id))
    return [_key(row) for row in rows]


async def mark_key_used(tx: Tx, key_id: int, now: datetime) -> None:
    """Keeps when the key was used last."""
    await tx.execute(update(api_key).where(api_key.c.id == key_id).values(last_used_at=now))


async def delete_key(tx: Tx, site_id: int | None, key_id: int) -> None:
    """Removes the key: it opens nothing from now on. NotFound when it is not of this site."""
    done = await tx.execute(delete(api_key).where(_of(site_id), api_key.c.id == key_id))
    if not done.rowcount:
        raise NotFound(f"there is no key {key_id} here", hint="list them: GET …/keys")


def _of(site_id: int | None) -> ColumnElement[bool]:
    return api_key.c.site_id == (OPERATOR if site_id is None else site_id)
