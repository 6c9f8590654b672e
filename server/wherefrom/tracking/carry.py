"""How a click takes the person it was made for along to the site's page (feature H09). Pure.

    /c/TOKEN ─▶ 307 https://shop.example/sofa?a=1&wf_click=Nzo5….q2w3e4…#red ─▶ the page's script tells its address
                                                                                └▶ the visit knows contact and send

The parameter is signed, says until when it holds, and names site, contact and send: worth nothing to anybody else. It
is added where the owner's own page is led to, never elsewhere, and stands before the fragment, so that what was there
stays there. The collector knows it by its signature and cuts it out before anything is kept, also when it is too old.

What it cannot know: who a letter was forwarded to. A friend who follows the link is taken for the contact until the
visit's letter comes from another address that is known.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from wherefrom.clock import from_ms, to_ms
from wherefrom.tokens import Tokens
from wherefrom.tracking.marks import Mark

PARAMETER = "wf_click"
_PURPOSE = "click carried"


class Carried(NamedTuple):
    """Who is said to have come, by which send, until when that holds."""

    site_id: int
    contact_id: int
    send_id: int
    until: datetime


def carry(tokens: Tokens, url: str, mark: Mark, until: datetime) -> str:
    """``url``, which leads to the site's own page, with the person of ``mark``."""
    value = f"{mark.site_id:x}/{mark.contact_id:x}/{mark.send_id:x}/{to_ms(until):x}"
    page, hash_, fragment = url.partition("#")
    joint = "" if page.endswith(("?", "&")) else "&" if "?" in page else "?"
    return f"{page}{joint}{PARAMETER}={tokens.sign(_PURPOSE, value)}{hash_}{fragment}"


def read_carried(tokens: Tokens, token: str, now: datetime) -> Carried | None:
    """What a token says, whether or not it still holds; None for what is not ours."""
    value = tokens.verify(_PURPOSE, token, now)
    if value is None:
        return None
    site_id, contact_id, send_id, until = (int(part, 16) for part in value.split("/"))
    return Carried(site_id, contact_id, send_id, from_ms(until))
