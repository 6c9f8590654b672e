"""The tokens a page shows: whose visit it is, and by whose letter it was come to.

Tokens are ``site:number`` signed; a forged or foreign one counts as none. They never expire, so what one was found to
say is remembered, and who shows the right ones is answered with the same.
"""

from __future__ import annotations

from functools import lru_cache

from msgspec.structs import replace

from wherefrom.clock import Clock
from wherefrom.sites.site import Site
from wherefrom.tokens import Tokens
from wherefrom.tracking.carry import Carried, read_carried
from wherefrom.visits.hit import Hit
from wherefrom.visits.link import cut_tokens, list_tokens

VISIT, VISITOR = "visit", "visitor"
"""Purposes of tokens."""

_LONGEST = 200  # characters
_MOST_REMEMBERED = 16_384  # of visitors who look at several pages


class Badges:
    """One for a process."""

    def __init__(self, tokens: Tokens, clock: Clock) -> None:
        self._tokens = tokens
        self._clock = clock
        self._read = lru_cache(maxsize=_MOST_REMEMBERED)(self._verify)

    def find_number(self, purpose: str, token: str | None, site: Site) -> int | None:
        """The visit or visitor a token of this site names."""
        if not token or len(token) > _LONGEST:
            return None
        site_id, number = self._read(purpose, token)
        return number if site_id == site.id else None

    def sign(self, purpose: str, shown: str | None, site: Site, number: int) -> str:
        """The token that names ``number``; ``shown`` is the one the page had before."""
        if shown and self.find_number(purpose, shown, site) == number:
            return shown
        return self._tokens.sign(purpose, f"{site.id}:{number}")

    def cut_tokens(self, url: str | None, site: Site) -> str:
        """``url`` as it may be kept: without the tokens that carried the visit over from another host of the site, or
        the person from a letter."""
        if not url or ".." not in url:
            return url or ""

        def is_ours(token: str) -> bool:
            known = any(self.find_number(purpose, token, site) is not None for purpose in (VISIT, VISITOR))
            return known or self._read_carried(token, site) is not None

        return cut_tokens(url, is_ours)

    def cut_from(self, hit: Hit, site: Site) -> Hit:
        """As ``cut_tokens``, of all a page tells, before anything is read from it: a token is no source, whatever its
        parameter is called."""
        if ".." not in hit.page and ".." not in (hit.referrer or ""):  # nearly all
            return hit
        page, referrer = self.cut_tokens(hit.page, site), self.cut_tokens(hit.referrer, site)
        same = page == hit.page and referrer == (hit.referrer or "")
        return hit if same else replace(hit, page=page, referrer=referrer)

    def find_carried(self, page: str, site: Site) -> Carried | None:
        """By which letter the page was come to, if its token still holds."""
        if ".." not in page:
            return None
        told = (self._read_carried(token, site) for token in list_tokens(page))
        return next((one for one in told if one is not None and one.until >= self._clock.now()), None)

    def _verify(self, purpose: str, token: str) -> tuple[int, int | None]:
        """Site and number; no site has the id 0."""
        value = self._tokens.verify(purpose, token, self._clock.now()) if ".." in token else None
        site_id, _, number = (value or "").partition(":")
        return (int(site_id), int(number)) if site_id else (0, None)

    def _read_carried(self, token: str, site: Site) -> Carried | None:
        found = read_carried(self._tokens, token, self._clock.now())
        return found if found is not None and found.site_id == site.id else None
