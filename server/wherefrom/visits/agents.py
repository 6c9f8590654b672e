"""Finds out who is looking, from the user agent's text.

Importing this module reads two thousand patterns: half a second that commands which judge no visitor are spared, so
whoever needs it imports it late. The families come from ua-parser's rules (matched in Rust where its wheel exists),
the kind of device from the user-agents package, bots from crawler-user-agents. A new text costs some 150 µs, a
repeated one a dictionary look-up, since the final value is cached.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import crawleruseragents  # type: ignore[import-untyped]
from ua_parser import BestAvailableResolver, Domain, load_lazy_builtins
from user_agents.parsers import (  # type: ignore[import-untyped]
    UserAgent,
    parse_browser,
    parse_device,
    parse_operating_system,
)

from wherefrom.visits.agent import LONGEST, Agent, Device
from wherefrom.visits.hit import clean_text

_MOST_CACHED = 8192
_CHUNK = 50

_APPS = frozenset({"WhatsApp", "Sonic"})
"""The list's names of link previews, which people's in-app browsers carry beside an engine's name (Sonic: Slack)."""


class Agents:
    """Knows user agents. Built once: reading the rules takes a fifth of a second."""

    def __init__(self) -> None:
        self._resolve = BestAvailableResolver(load_lazy_builtins())
        patterns = [entry["pattern"] for entry in crawleruseragents.CRAWLER_USER_AGENTS_DATA]
        chunks = (patterns[start : start + _CHUNK] for start in range(0, len(patterns), _CHUNK))
        self._chunks = [(re.compile("|".join(f"(?:{one})" for one in chunk)), chunk) for chunk in chunks]
        self._cached: Callable[[str], Agent] = lru_cache(_MOST_CACHED)(self._judge)

    def find(self, user_agent: str) -> Agent:
        """What is known of the ``User-Agent`` header; of a longer one the first 512 characters."""
        return self._cached(user_agent[:LONGEST])

    def _judge(self, text: str) -> Agent:
        seen = _Seen(text, self._resolve)
        return Agent(
            _device(seen),
            _versioned(seen.os.family, seen.os.version),
            _versioned(seen.browser.family, seen.browser.version),
            self._bot(text, seen),
            clean_text(text, LONGEST),
        )

    def _bot(self, text: str, seen: UserAgent) -> str | None:
        if not text.strip():
            return "no user agent"
        for combined, each in self._chunks:
            if combined.search(text):
                names = [match[0] for one in each if (match := re.search(one, text))]
                telling = [name for name in names if name not in _APPS or "AppleWebKit" not in text]
                if telling:
                    return f"crawler list: {telling[0][:60]}"
        if seen.is_bot:
            return "a spider by its family"
        return None if seen.browser.family or seen.os.family else "no browser that is known"


class _Seen(UserAgent):  # type: ignore[misc]
    """The user-agents package's judgement on families found by the fast matcher: its own constructor runs the pure
    Python rules, at 1 ms a text."""

    def __init__(self, text: str, resolve: Any) -> None:
        parts = resolve(text, Domain.ALL)
        browser, system, device = parts.user_agent, parts.os, parts.device
        self.ua_string = text
        self.browser = parse_browser(browser.family, browser.major) if browser else parse_browser("")
        self.os = parse_operating_system(system.family if system else "", system.major if system else None)
        family, brand, model = (device.family, device.brand, device.model) if device else ("", None, None)
        self.device = parse_device(family, brand, model)


def _device(seen: _Seen) -> Device:
    if seen.is_tablet and not seen.is_pc:
        return "tablet"
    if seen.is_mobile:
        return "phone"
    return "desktop" if seen.is_pc else "other"


def _versioned(family: str, version: tuple[Any, ...]) -> str:
    return f"{family} {version[0]}"[:64] if family and version else family[:64]
