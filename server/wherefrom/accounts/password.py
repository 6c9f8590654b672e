"""Passwords of console users: the rules for a new one, its hash, and the check at log-in.

Answers for: which passwords are accepted, Argon2id hashing (RFC 9106) and re-hashing when the parameters grow.
Refuses to know: who the user is, how often somebody tried, where hashes are kept.

Hashing takes tens of milliseconds and 64 MiB by design, so both directions run in a thread: the loop that answers
visitors must not stand still while somebody logs in. It is one thread, for one hash uses several cores: however many
log in at once, the memory of one is taken.
"""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from wherefrom.errors import BadInput

T = TypeVar("T")

SHORTEST = 10
LONGEST = 200
"""Characters. The upper bound keeps a log-in request from carrying a megabyte into the hash function."""


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()


@cache
def _thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="passwords")


async def _in_thread(work: Callable[..., T], *arguments: str) -> T:
    return await asyncio.get_running_loop().run_in_executor(_thread(), work, *arguments)


@cache
def _nobody() -> str:
    """A hash no password is meant to match, made once: checking it costs what checking a real one costs."""
    return _hasher().hash("there is no such user")


def check_rules(password: str, email: str) -> None:
    """Raise BadInput, saying what to change, unless `password` may become the password of `email`."""
    if len(password) < SHORTEST:
        raise BadInput(
            f"the password has {len(password)} characters and needs at least {SHORTEST}",
            hint="take three or four words that do not belong together: length counts, special characters do not",
        )
    if len(password) > LONGEST:
        raise BadInput(
            f"the password has {len(password)} characters; at most {LONGEST} are accepted", hint="choose a shorter one"
        )
    if len(set(password)) < 4:
        raise BadInput("the password repeats the same few characters", hint="choose one that is harder to guess")
    if password.casefold() in (email.casefold(), email.partition("@")[0].casefold()):
        raise BadInput("the password is the e-mail address itself", hint="choose one that is harder to guess")


async def hash_password(password: str) -> str:
    """The Argon2id hash to store: a self-describing `$argon2id$…` string with its own salt and parameters."""
    return await _in_thread(_hasher().hash, _normal(password))


async def verify_password(stored: str | None, password: str) -> bool:
    """Whether `password` gives `stored`. None (no such user) takes as long as a real check and is always False, so
    that the time of the answer does not tell which addresses have an account."""
    matched = await _in_thread(_matches, stored or _nobody(), password)
    return matched and stored is not None


def outdated(stored: str) -> bool:
    """Whether `stored` was made with weaker parameters than today's and should be made anew at the next log-in."""
    return _hasher().check_needs_rehash(stored)


def _matches(stored: str, password: str) -> bool:
    if len(password) > LONGEST:
        password = ""
    try:
        return _hasher().verify(stored, _normal(password))
    except (VerificationError, InvalidHashError):
        return False


def _normal(password: str) -> str:
    """One form for one password: keyboards send the same letter composed or decomposed (Unicode NFKC)."""
    return unicodedata.normalize("NFKC", password)
