"""What the sender of a page or sign hears that is not let in."""

from __future__ import annotations

from wherefrom.errors import Forbidden, NotFound, TooMany, WherefromError
from wherefrom.visits.gate import Caller, DropReason
from wherefrom.visits.hit import Hit, Signal


def too_often(wait: int) -> TooMany:
    """Of a site; ``wait`` in seconds."""
    return TooMany(
        "this site has more visits a minute than it may have",
        hint="the operator's settings say how many: visits_per_site in [limits]",
        retry_after=wait,
    )


def explain(reason: DropReason, heard: Hit | Signal, caller: Caller) -> WherefromError:
    """Of one that names no site, or does not come from one of its pages."""
    if reason is DropReason.UNKNOWN_SITE:
        return NotFound(
            f"there is no site with the key “{heard.site[:50]}”",
            hint="data-site in the script tag must be the site's key; “wherefrom site list” shows it",
        )
    if reason is DropReason.FOREIGN_ORIGIN:
        return Forbidden(
            f"the site's key may not be used by pages of {(caller.origin or 'another site')[:100]}",
            hint="add this host to the site's hosts",
        )
    return Forbidden(
        f"the page {(heard.page or '')[:100]} is not on a host of the site",
        hint="send location.href as “page”; add its host to the site's hosts",
    )
