"""People who may log in: adding one, a new password, taking one away."""

from __future__ import annotations

from wherefrom.accounts import store
from wherefrom.accounts.password import check_rules, hash_password
from wherefrom.accounts.store import User
from wherefrom.addresses import parse_address
from wherefrom.services import Services


async def add_user(services: Services, email: str, password: str) -> User:
    """Adds a user. BadInput when the address or the password will not do, Conflict when the address is taken."""
    key = parse_address(email).key
    check_rules(password, key)
    one = User(services.ids.next(), key, services.clock.now())
    password_hash = await hash_password(password)
    async with services.db.write() as tx:
        await store.add_user(tx, one, password_hash)
    return one


async def change_password(services: Services, user_id: int, password: str) -> None:
    """Gives the user a new password and closes all sessions: whoever was in with the old one is out."""
    async with services.db.read() as tx:
        one = await store.get_user(tx, user_id)
    check_rules(password, one.email)
    password_hash = await hash_password(password)
    async with services.db.write() as tx:
        await store.mark_password(tx, user_id, password_hash)
        await store.delete_logins(tx, user_id)


async def delete_user(services: Services, user_id: int) -> None:
    """Takes the account away and closes its sessions; NotFound."""
    async with services.db.write() as tx:
        await store.delete_user(tx, user_id)
