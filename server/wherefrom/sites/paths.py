"""Path rules of a site: on which pages the real address stands (features A07, A15).

    /imprint       this page alone; /imprint/ is another one
    /imprint*      also /imprint/, /imprint.html, /imprint/de
    /*/imprint     /de/imprint, /shop/de/imprint

A rule is the path of a page's URL from its first slash. ``*`` stands for any characters, slashes too, also for none;
nothing else is special, and capitals count. Rules are kept as their owner wrote them; ``/über-uns`` and
``/%C3%BCber-uns`` are the same page. Knows no database and no request.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import quote, unquote_to_bytes, urlsplit

from wherefrom.errors import BadInput

MOST_RULES = 100
LONGEST_RULE = 200
_SHOWN = 80
_KEPT = "!$%&'()*+,-./:;=@[]_~"
"""What Chromium leaves as it is in ``location.pathname`` beside letters and digits, the ``%`` of what is encoded
already among it."""


def parse_rules(texts: Iterable[str]) -> tuple[str, ...]:
    """The rules, trimmed, each once, in the order given. BadInput names the rule that is none, or that there are more
    than 100."""
    rules = tuple(dict.fromkeys(_parse_rule(text) for text in texts))
    if len(rules) > MOST_RULES:
        raise BadInput(
            f"{len(rules)} paths are too many for one site, {MOST_RULES} are the most",
            hint="let one stand for several with a star: /legal/*",
            field="off_paths",
        )
    return rules


def is_off(rules: Iterable[str], page_url: str) -> bool:
    """Whether a rule fits the path of ``page_url``, an absolute URL."""
    try:
        path = unquote_to_bytes(urlsplit(page_url.strip()).path or "/")
    except ValueError:  # brackets that do not pair: such a page has no path to speak of
        return False
    return any(_fits(_pieces(rule), path) for rule in rules)


@lru_cache(maxsize=4096)
def browser_form(rule: str) -> str:
    """``rule`` as ``location.pathname`` would spell it: ``/über uns*`` → ``/%C3%BCber%20uns*``."""
    return quote(rule, safe=_KEPT)


def _parse_rule(text: str) -> str:
    rule = text.strip()
    if not rule.startswith("/"):
        raise _refused(rule, "does not begin with a slash", "write the path from its first slash: /imprint, /legal/*")
    if len(rule) > LONGEST_RULE:
        raise _refused(rule, f"is longer than {LONGEST_RULE} characters", "shorten it with a star: /legal/*")
    if "?" in rule or "#" in rule:
        raise _refused(rule, "has a ? or a #, which begin what is no path", "leave out everything from there on")
    if not rule.isprintable():
        raise _refused(rule, "has a character that cannot be printed", "type it anew rather than copy it")
    return rule


def _refused(rule: str, why: str, hint: str) -> BadInput:
    return BadInput(f"the path “{rule[:_SHOWN]}” {why}", hint=hint, field="off_paths")


@lru_cache(maxsize=4096)
def _pieces(rule: str) -> tuple[bytes, ...]:
    return tuple(unquote_to_bytes(piece) for piece in rule.split("*"))


def _fits(pieces: tuple[bytes, ...], path: bytes) -> bool:
    """Between the first piece and the last, each is taken where it comes first: what fits at all fits so, and no rule
    takes longer than reading the path once for each of its stars."""
    first, last = pieces[0], pieces[-1]
    if len(pieces) == 1:
        return path == first
    at, end = len(first), len(path) - len(last)
    if at > end or not path.startswith(first) or not path.endswith(last):
        return False
    for piece in pieces[1:-1]:
        found = path.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True
