"""Sessions and the limits on failed log-ins (G06), on both engines."""

import asyncio
from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from sqlalchemy import func, select

from wherefrom.accounts import store
from wherefrom.accounts.login import (
    MOST_PER_ACCOUNT,
    MOST_PER_IP,
    WINDOW,
    find_session,
    forget_expired,
    log_in,
    log_out,
)
from wherefrom.accounts.tables import login, login_failure, user
from wherefrom.accounts.user import add_user, change_password, delete_user
from wherefrom.errors import BadInput, Conflict, TooMany, Unauthorized

PASSWORD = "correct horse battery"
IP = "203.0.113.7"


async def whose(services, token):
    async with services.db.read() as tx:
        return await find_session(tx, token, services.clock.now())


async def fail(services, email="anna@company.com", ip=IP):
    with pytest.raises(Unauthorized):
        await log_in(services, email, "not the password", ip)


async def test_a_user_logs_in_whatever_the_case_of_the_address(services):
    added = await add_user(services, "Anna@Company.com", PASSWORD)
    found, token = await log_in(services, " ANNA@company.COM ", PASSWORD, IP)
    assert found == added
    assert await whose(services, token) == added


async def test_the_database_holds_neither_the_password_nor_the_token(services):
    await add_user(services, "anna@company.com", PASSWORD)
    _, token = await log_in(services, "anna@company.com", PASSWORD, IP)
    async with services.db.read() as tx:
        kept = [*(await tx.execute(select(user))).all(), *(await tx.execute(select(login))).all()]
    assert PASSWORD not in repr(kept)
    assert token not in repr(kept)


async def test_the_same_address_cannot_be_added_twice(services):
    await add_user(services, "anna@company.com", PASSWORD)
    with pytest.raises(Conflict, match="has an account already"):
        await add_user(services, "ANNA@company.com", PASSWORD)


async def test_a_weak_password_makes_no_account(services):
    with pytest.raises(BadInput):
        await add_user(services, "anna@company.com", "too short")
    async with services.db.read() as tx:
        assert not await store.any_user(tx)


async def test_a_wrong_password_and_an_unknown_address_are_answered_alike(services):
    await add_user(services, "anna@company.com", PASSWORD)
    with pytest.raises(Unauthorized) as wrong:
        await log_in(services, "anna@company.com", "not the password", IP)
    with pytest.raises(Unauthorized) as unknown:
        await log_in(services, "nobody@company.com", "not the password", IP)
    assert (str(wrong.value), wrong.value.hint) == (str(unknown.value), unknown.value.hint)


async def test_a_session_ends_after_the_days_the_setting_says(services, clock):
    await add_user(services, "anna@company.com", PASSWORD)
    _, token = await log_in(services, "anna@company.com", PASSWORD, IP)
    clock.advance(timedelta(days=services.settings.console.session_days) - timedelta(seconds=1))
    assert await whose(services, token)
    clock.advance(timedelta(seconds=1))
    assert await whose(services, token) is None


async def test_logging_out_ends_this_session_and_no_other(services):
    await add_user(services, "anna@company.com", PASSWORD)
    _, desk = await log_in(services, "anna@company.com", PASSWORD, IP)
    _, phone = await log_in(services, "anna@company.com", PASSWORD, IP)
    await log_out(services, desk)
    assert await whose(services, desk) is None
    assert await whose(services, phone)


async def test_a_new_password_and_a_removed_account_close_all_sessions(services):
    one = await add_user(services, "anna@company.com", PASSWORD)
    _, token = await log_in(services, "anna@company.com", PASSWORD, IP)
    await change_password(services, one.id, "another fine password")
    assert await whose(services, token) is None
    with pytest.raises(Unauthorized):
        await log_in(services, "anna@company.com", PASSWORD, IP)
    _, token = await log_in(services, "anna@company.com", "another fine password", IP)
    await delete_user(services, one.id)
    assert await whose(services, token) is None


@pytest.mark.parametrize("token", ["", "x", "0" * 64, "wfk_nothing"])
async def test_an_invented_token_is_nobodys(services, token):
    assert await whose(services, token) is None


async def test_an_account_is_closed_for_a_while_after_ten_failures_even_to_the_right_password(services, clock):
    await add_user(services, "anna@company.com", PASSWORD)
    for number in range(MOST_PER_ACCOUNT):
        await fail(services, ip=f"203.0.113.{number}")
    with pytest.raises(TooMany, match="for this account") as refused:
        await log_in(services, "anna@company.com", PASSWORD, IP)
    assert "15 minutes" in refused.value.hint
    assert refused.value.extra["retry_after"] == WINDOW.total_seconds()
    clock.advance(WINDOW)
    assert await log_in(services, "anna@company.com", PASSWORD, IP)


async def test_a_refused_try_does_not_prolong_the_wait(services, clock):
    for _ in range(MOST_PER_ACCOUNT):
        await fail(services)
    clock.advance(WINDOW - timedelta(seconds=1))
    with pytest.raises(TooMany):
        await log_in(services, "anna@company.com", "again", IP)
    clock.advance(timedelta(seconds=1))
    await fail(services)


async def test_one_network_address_cannot_try_many_accounts(services):
    await add_user(services, "anna@company.com", PASSWORD)
    async with services.db.write() as tx:  # as 29 wrong passwords leave it, without the time they take
        for number in range(MOST_PER_IP - 1):
            email = f"guess{number}@company.com"
            await store.add_failure(tx, services.ids.next(), email, IP, services.clock.now())
    await fail(services, email="last@company.com")
    with pytest.raises(TooMany, match="from your network address"):
        await log_in(services, "anna@company.com", PASSWORD, IP)
    assert await log_in(services, "anna@company.com", PASSWORD, "198.51.100.1")


async def test_success_forgets_the_failures_of_this_account_only(services):
    await add_user(services, "anna@company.com", PASSWORD)
    for _ in range(MOST_PER_ACCOUNT - 1):
        await fail(services)
    await fail(services, email="boris@company.com")
    await log_in(services, "anna@company.com", PASSWORD, IP)
    async with services.db.read() as tx:
        left = (await tx.execute(select(login_failure.c.email))).scalars().all()
    assert left == ["boris@company.com"]


async def test_tries_sent_all_at_once_are_limited_too(services):
    await add_user(services, "anna@company.com", PASSWORD)
    answers = await asyncio.gather(
        *(log_in(services, "anna@company.com", f"guess number {number}", IP) for number in range(24)),
        return_exceptions=True,
    )
    checked = [one for one in answers if isinstance(one, Unauthorized)]
    assert len(checked) == MOST_PER_ACCOUNT
    assert len(checked) + sum(isinstance(one, TooMany) for one in answers) == 24


async def test_a_hash_of_weaker_parameters_is_made_anew_at_the_next_log_in(services):
    one = await add_user(services, "anna@company.com", PASSWORD)
    weak = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD)
    async with services.db.write() as tx:
        await store.mark_password(tx, one.id, weak)
    await log_in(services, "anna@company.com", PASSWORD, IP)
    async with services.db.read() as tx:
        _, stored = await store.find_user(tx, "anna@company.com")
    assert stored != weak
    assert await log_in(services, "anna@company.com", PASSWORD, IP)


async def test_an_overlong_address_is_a_failed_try_and_no_fault(services):
    await fail(services, email="a" * 5_000 + "@company.com")
    await fail(services, email="\x00nul@company.com")


async def test_housekeeping_removes_what_is_over_and_keeps_what_counts(services, clock):
    await add_user(services, "anna@company.com", PASSWORD)
    _, old = await log_in(services, "anna@company.com", PASSWORD, IP)
    await fail(services)
    clock.advance(timedelta(days=services.settings.console.session_days))
    _, new = await log_in(services, "anna@company.com", PASSWORD, IP)
    await fail(services)
    await forget_expired(services)
    async with services.db.read() as tx:
        assert (await tx.execute(select(func.count()).select_from(login))).scalar_one() == 1
        assert (await tx.execute(select(func.count()).select_from(login_failure))).scalar_one() == 1
    assert await whose(services, old) is None
    assert await whose(services, new)
