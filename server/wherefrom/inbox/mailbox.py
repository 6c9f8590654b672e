"""Use cases of mailboxes: add, change, remove, test.

A mailbox that is added starts at "now": letters that were there before are not read, unless ``since`` says "all" or a
number of days, and then they are old mail (``old_mail``). Its password is sealed before it is stored and never shown
again; one without a password logs in by token (``connect``). Each change rings the bell "mailboxes", so that the
watcher takes it up at once; a mailbox whose login failed is tried again at once, too.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from wherefrom.addresses import ascii_hostname
from wherefrom.errors import BadInput, Conflict
from wherefrom.grants.store import delete_grant
from wherefrom.inbox.account import diagnose_account
from wherefrom.inbox.round_trip import try_probes
from wherefrom.inbox.store import mailboxes
from wherefrom.inbox.store.mailboxes import Folder, Mailbox
from wherefrom.mail.diagnosis import Diagnosis
from wherefrom.mail.folders import THE_JUNK
from wherefrom.mail.imap import Security
from wherefrom.mail.trust import check_ca_file
from wherefrom.services import Services

FolderKind = Literal["inbox", "junk", "other"]

_LONGEST_FOLDER = 500


class FolderChoice(msgspec.Struct, frozen=True, kw_only=True):
    """A folder to read. ``name`` as the server spells it, or ``\\Junk`` for whichever folder is its junk folder."""

    name: str
    kind: FolderKind = "inbox"


DEFAULT_FOLDERS = (FolderChoice(name="INBOX", kind="inbox"), FolderChoice(name=THE_JUNK, kind="junk"))


class AddMailbox(msgspec.Struct, frozen=True, kw_only=True):
    """An IMAP account. ``since``: "new" for letters from now on, "all", or a number of days back ("30"); those of
    before now are matched and shown, and sent to no webhook unless that is asked for. ``ca_file``: a file on the
    service's machine with certificates to trust instead of the system's."""

    host: str
    username: str
    password: str
    port: int = 993
    security: Security = "tls"
    name: str = ""
    since: str = "new"
    ca_file: str = ""
    folders: tuple[FolderChoice, ...] = DEFAULT_FOLDERS


class ChangeMailbox(msgspec.Struct, frozen=True, kw_only=True):
    """What is left out stays. ``folders`` replaces the list; a folder that stays keeps its place."""

    host: str | None = None
    username: str | None = None
    password: str | None = None
    port: int | None = None
    security: Security | None = None
    name: str | None = None
    ca_file: str | None = None
    enabled: bool | None = None
    folders: tuple[FolderChoice, ...] | None = None


async def add_mailbox(services: Services, site_id: int, wanted: AddMailbox) -> Mailbox:
    """The new mailbox, which is watched from now on. BadInput names the field; Conflict when it is connected."""
    check_mailbox(wanted)
    _checked({"password": wanted.password})
    async with services.db.write() as tx:
        added = await insert_mailbox(services, tx, site_id, wanted, services.tokens.encrypt(wanted.password))
    services.bell.ring("mailboxes")
    return added


def check_mailbox(wanted: AddMailbox) -> dict[str, Any]:
    """The account's fields in their stored form, without the password; BadInput names what is wrong."""
    _since(wanted.since)
    _checked_folders(wanted.folders)
    return _checked({name: getattr(wanted, name) for name in ("host", "port", "username", "ca_file")})


async def insert_mailbox(services: Services, tx: Any, site_id: int, wanted: AddMailbox, password: str) -> Mailbox:
    """Adds a mailbox to the caller's transaction. ``password``: sealed; "" when it logs in by token."""
    account = check_mailbox(wanted)
    since, folders = _since(wanted.since), _checked_folders(wanted.folders)
    now, mailbox_id = services.clock.now(), services.ids.next()
    values = {
        **account, "site_id": site_id, "id": mailbox_id, "name": _name(wanted.name or account["username"]),
        "security": wanted.security, "password": password, "enabled": True,
        "status": "new", "status_detail": "", "checked_at": None, "watcher": "", "watched_until": None,
        "revision": 1, "created_at": now,
    }  # fmt: skip
    rows = [_folder_row(services, site_id, mailbox_id, choice, since) for choice in folders]
    await mailboxes.add_mailbox(tx, values, rows)
    return await mailboxes.get_mailbox(tx, site_id, mailbox_id)


async def change_mailbox(services: Services, site_id: int, mailbox_id: int, wanted: ChangeMailbox) -> Mailbox:
    """The mailbox as changed. Another account (host, port or user) begins anew, as if it were added now."""
    given = {name: value for name in wanted.__struct_fields__ if (value := getattr(wanted, name)) is not None}
    folders = _checked_folders(given.pop("folders")) if "folders" in given else None
    values = _checked(given)
    if "name" in values:
        values["name"] = _name(values["name"])
    if "password" in values:
        values["password"] = services.tokens.encrypt(values["password"])
    async with services.db.write() as tx:
        old = await mailboxes.get_mailbox(tx, site_id, mailbox_id)
        await _settle_grant(tx, old, values)
        new_account = await _check_account(tx, old, values)
        # What the last try found is out of date: it is tried again at once, and says "new" until then.
        await mailboxes.set_mailbox(tx, site_id, mailbox_id, {**values, "status": "new", "status_detail": ""})
        if folders is not None:
            await _replace_folders(services, tx, old, folders)
        if new_account:
            await _begin_anew(services, tx, site_id, mailbox_id)
        changed = await mailboxes.get_mailbox(tx, site_id, mailbox_id)
    services.bell.ring("mailboxes")
    return changed


async def remove_mailbox(services: Services, site_id: int, mailbox_id: int) -> None:
    """Stops reading the account; its letters stay in the history."""
    async with services.db.write() as tx:
        await mailboxes.delete_mailbox(tx, site_id, mailbox_id)
        await delete_grant(tx, site_id, mailbox_id)
    services.bell.ring("mailboxes")


async def test_mailbox(services: Services, site_id: int, mailbox_id: int) -> Diagnosis:
    """Connects apart from the watcher and says step by step what works: name, connection, TLS, login, folders, and
    whether letters to the site's substitutes arrive."""
    async with services.db.read() as tx:
        found = await mailboxes.get_mailbox(tx, site_id, mailbox_id)
    diagnosis, account = await diagnose_account(services, found)
    if account is None or not diagnosis.ok:
        return diagnosis
    return Diagnosis((*diagnosis.steps, *await try_probes(services, found, account)))


async def _settle_grant(tx: Any, old: Mailbox, values: Mapping[str, Any]) -> None:
    """A password takes the place of what a provider granted. Without one, the token may go to no other server."""
    if "password" in values:
        await delete_grant(tx, old.site_id, old.id)
    if old.password or "password" in values:
        return
    for name in ("host", "port", "security", "username", "ca_file"):
        if name in values and values[name] != getattr(old, name):
            raise BadInput(
                f"{name} cannot be changed: this mailbox logs in by what was granted for {old.username} at {old.host}",
                hint="connect the other account as a mailbox of its own, or give this one a password",
                field=name,
            )


async def _check_account(tx: Any, old: Mailbox, values: Mapping[str, Any]) -> bool:
    """Whether these values name another account; Conflict when that one is connected already."""
    account = tuple(values.get(name, getattr(old, name)) for name in ("host", "port", "username"))
    if account == (old.host, old.port, old.username):
        return False
    holder = await mailboxes.find_account(tx, old.site_id, *account)
    if holder is not None:
        raise Conflict(f"{account[2]} at {account[0]} is connected already", hint="change that mailbox instead")
    return (account[0], account[2]) != (old.host, old.username)


async def _begin_anew(services: Services, tx: Any, site_id: int, mailbox_id: int) -> None:
    for one in (await mailboxes.get_mailbox(tx, site_id, mailbox_id)).folders:
        await mailboxes.set_folder(tx, site_id, one.id, _fresh(services))


async def _replace_folders(services: Services, tx: Any, old: Mailbox, wanted: Sequence[FolderChoice]) -> None:
    here: dict[str, Folder] = {one.name: one for one in old.folders}
    for name in here.keys() - {choice.name for choice in wanted}:
        await mailboxes.delete_folder(tx, old.site_id, here[name].id)
    for choice in wanted:
        if choice.name in here:
            await mailboxes.set_folder(tx, old.site_id, here[choice.name].id, {"kind": choice.kind})
        else:
            await mailboxes.add_folder(tx, _folder_row(services, old.site_id, old.id, choice, "new"))


def _folder_row(services: Services, site_id: int, mailbox_id: int, choice: FolderChoice, since: str) -> dict[str, Any]:
    return {
        "site_id": site_id, "id": services.ids.next(), "mailbox_id": mailbox_id, "name": choice.name,
        "kind": choice.kind, "since": since, **_fresh(services),
    }  # fmt: skip


def _fresh(services: Services) -> dict[str, Any]:
    """The position of a folder that is to be read from this moment on."""
    now = services.clock.now()
    return {
        "uidvalidity": None, "last_uid": 0, "baselined": False, "checked_at": now, "begun_at": now, "uidnext": None,
        "letters": None, "highestmodseq": None, "counted_at": None, "counted_uid": 0, "floor_uid": 0, "backlog_uid": 0,
        "backlog_end": None, "backlog_letters": 0, "backlog_read": 0,
    }  # fmt: skip


def _checked(values: dict[str, Any]) -> dict[str, Any]:
    """The account's fields in their stored form; BadInput names the first that is wrong."""
    if "host" in values:
        host = values["host"].strip()
        values["host"] = _ip(host) or ascii_hostname(host) or ""
        if not values["host"]:
            raise BadInput(f"“{host[:80]}” is no host name", hint="write it like imap.company.com", field="host")
    if "port" in values and not 1 <= values["port"] <= 65_535:
        raise BadInput(f"{values['port']} is no port", hint="993 with tls, 143 with starttls", field="port")
    if "username" in values:
        values["username"] = values["username"].strip()
        if not 0 < len(values["username"]) <= 320 or not values["username"].isprintable():
            raise BadInput("the user name is empty or too long", hint="often the whole address", field="username")
    if "password" in values and not 0 < len(values["password"]) <= 10_000:
        raise BadInput(
            "the password is empty",
            hint="Google, Yandex and others want an app password, made in the account's settings",
            field="password",
        )
    check_ca_file(values.get("ca_file") or "")
    return values


def _checked_folders(folders: Sequence[FolderChoice]) -> Sequence[FolderChoice]:
    if not folders:
        raise BadInput("a mailbox needs at least one folder", hint="INBOX is always there", field="folders")
    names = [choice.name for choice in folders]
    if len(set(names)) != len(names):
        raise BadInput("a folder stands twice in the list", field="folders")
    for name in names:
        if not 0 < len(name) <= _LONGEST_FOLDER or not name.isprintable():
            raise BadInput(f"“{name[:80]}” is no folder name", hint="as the server spells it", field="folders")
    return folders


def _since(text: str) -> str:
    """ "new", "all" or days as digits; "now" and "30d" mean the same to a person."""
    plain = text.strip().lower()
    plain = "new" if plain == "now" else plain
    days = plain.removesuffix("d")
    if plain in ("new", "all"):
        return plain
    if days.isascii() and days.isdecimal() and len(days) <= 5 and 0 < int(days) <= 36_500:
        return str(int(days))
    raise BadInput(
        f"since “{text[:40]}” is not understood",
        hint='write "new" for letters from now on, "all", or a number of days like "30"',
        field="since",
    )


def _name(text: str) -> str:
    name = " ".join(text.split())[:200]
    if not name:
        raise BadInput("the name is empty", field="name")
    if any(char < " " or char == "\x7f" for char in name):  # PostgreSQL keeps no NUL
        raise BadInput("there are control characters in the name", hint="leave them out", field="name")
    return name


def _ip(text: str) -> str | None:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None
