"""Operations on users and keys."""

from __future__ import annotations

from datetime import datetime

import msgspec

from wherefrom.accounts import store, user
from wherefrom.accounts.key import add_key
from wherefrom.accounts.store import Key, User
from wherefrom.web.api import Call, Operation


class NewUser(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    email: str
    password: str


class NewPassword(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    password: str


class NewKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str


class UserAnswer(msgspec.Struct, frozen=True):
    id: str
    email: str
    created_at: datetime


class UserPage(msgspec.Struct, frozen=True):
    data: list[UserAnswer]
    next_cursor: str | None = None


class KeyAnswer(msgspec.Struct, frozen=True):
    """``site_id`` null: an operator's key. ``hint``: how the secret begins."""

    id: str
    site_id: str | None
    name: str
    hint: str
    created_at: datetime
    last_used_at: datetime | None


class KeyPage(msgspec.Struct, frozen=True):
    data: list[KeyAnswer]
    next_cursor: str | None = None


class MadeKey(msgspec.Struct, frozen=True):
    """``secret`` is shown in this answer only."""

    id: str
    site_id: str | None
    name: str
    hint: str
    created_at: datetime
    secret: str


def _user(one: User) -> UserAnswer:
    return UserAnswer(str(one.id), one.email, one.created_at)


def _key(one: Key) -> KeyAnswer:
    return KeyAnswer(str(one.id), _site(one), one.name, one.hint, one.created_at, one.last_used_at)


def _site(one: Key) -> str | None:
    return None if one.site_id is None else str(one.site_id)


def _holder_site(call: Call) -> int | None:
    """The site in the path; operations without one are about the operator's own keys."""
    return call.site_id if "site" in call.path else None


async def _add_user(call: Call) -> UserAnswer:
    return _user(await user.add_user(call.services, call.body.email, call.body.password))


async def _list_users(call: Call) -> UserPage:
    async with call.services.db.read() as tx:
        return UserPage([_user(one) for one in await store.list_users(tx)])


async def _change_password(call: Call) -> None:
    await user.change_password(call.services, call.id("user"), call.body.password)


async def _delete_user(call: Call) -> None:
    await user.delete_user(call.services, call.id("user"))


async def _add_key(call: Call) -> MadeKey:
    one, secret = await add_key(call.services, _holder_site(call), call.body.name)
    return MadeKey(str(one.id), _site(one), one.name, one.hint, one.created_at, secret)


async def _list_keys(call: Call) -> KeyPage:
    async with call.services.db.read() as tx:
        return KeyPage([_key(one) for one in await store.list_keys(tx, _holder_site(call))])


async def _delete_key(call: Call) -> None:
    async with call.services.db.write() as tx:
        await store.delete_key(tx, _holder_site(call), call.id("key"))


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "POST", "/users", "Add a user", _add_user, body=NewUser, answer=UserAnswer, status=201, scope="operator",
        tag="users",
    ),
    Operation("GET", "/users", "List users", _list_users, answer=UserPage, scope="operator", tag="users"),
    Operation(
        "PUT", "/users/{user}/password", "Give a user a new password", _change_password, body=NewPassword,
        scope="operator", tag="users",
    ),
    Operation("DELETE", "/users/{user}", "Take a user's account away", _delete_user, scope="operator", tag="users"),
    Operation(
        "POST", "/keys", "Make an operator's key", _add_key, body=NewKey, answer=MadeKey, status=201,
        scope="operator", tag="keys",
    ),
    Operation("GET", "/keys", "List the operator's keys", _list_keys, answer=KeyPage, scope="operator", tag="keys"),
    Operation("DELETE", "/keys/{key}", "Revoke an operator's key", _delete_key, scope="operator", tag="keys"),
    Operation(
        "POST", "/sites/{site}/keys", "Make a key for the site", _add_key, body=NewKey, answer=MadeKey, status=201,
        tag="keys",
    ),
    Operation("GET", "/sites/{site}/keys", "List the site's keys", _list_keys, answer=KeyPage, tag="keys"),
    Operation("DELETE", "/sites/{site}/keys/{key}", "Revoke a key of the site", _delete_key, tag="keys"),
)  # fmt: skip
