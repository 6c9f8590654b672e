"""Pages as answers: templates, the files beside them, and the headers that keep a page to itself.

No inline script and no inline style leaves here, so the Content-Security-Policy needs no exception; templates escape
by themselves. The one file in ``static/`` that is not ours is ``htmx-2.0.11.min.js``: ``dist/htmx.min.js`` of the npm
package htmx.org 2.0.11, unchanged, under the licence beside it; a test holds its checksum.
"""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Mapping
from functools import cache, cached_property
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from wherefrom.console import words
from wherefrom.errors import NotFound

if TYPE_CHECKING:
    from jinja2 import Environment

HEADERS: Mapping[str, str] = {
    "content-security-policy": (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-src 'self'; frame-ancestors 'none'"
    ),
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    # Letters stay out of caches: after logging out the back button shows nothing.
    "cache-control": "no-store",
    "vary": "HX-Request",
}

_FILTERS = {
    name: getattr(words, name)
    for name in (
        "iso",
        "utc",
        "local",
        "day",
        "date",
        "clock",
        "count",
        "size",
        "sentence",
        "excerpt",
        "bare",
    )
}
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


class Pages:
    """Templates and static files, read once. ``process_pages`` is what serves."""

    def __init__(self) -> None:
        folder = files("wherefrom.console") / "static"
        self._files = {one.name: one.read_bytes() for one in folder.iterdir() if one.is_file()}
        self._versions = {name: hashlib.sha256(content).hexdigest()[:12] for name, content in self._files.items()}

    @cached_property
    def _environment(self) -> Environment:
        from jinja2 import Environment, PackageLoader, StrictUndefined  # late, for the first page: a start needs none

        made = Environment(
            loader=PackageLoader("wherefrom.console"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        made.filters.update(_FILTERS, zone=words.zone_words)
        made.globals["static"] = self.address
        return made

    def address(self, name: str) -> str:
        """Where the file is found; it changes with the content, so browsers may keep what they have for ever."""
        return f"/static/{name}?v={self._versions[name]}"

    def render(self, template: str, **context: Any) -> str:
        return self._environment.get_template(template).render(context)

    def show(self, template: str, status: int = 200, **context: Any) -> Response:
        """A page with its headers."""
        return HTMLResponse(self.render(template, **context), status, HEADERS)

    def file(self, name: str, *, versioned: bool) -> Response:
        """A static file; NotFound. With the version in its address it may be kept for ever."""
        if name not in self._files:
            raise NotFound(f"there is no file {name[:80]}")
        suffix = name[name.rindex(".") :]
        kept = "public, max-age=31536000, immutable" if versioned else "no-cache"
        return Response(
            self._files[name],
            headers={
                "cache-control": kept,
                "content-type": _TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream",
                "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
                "cross-origin-resource-policy": "same-origin",
                "x-content-type-options": "nosniff",
            },
        )


@cache
def process_pages() -> Pages:
    """The one of the process. It knows nothing of who serves it, and compiling the templates takes 0.2 s."""
    return Pages()


def is_fragment(request: Request) -> bool:
    """Whether htmx asks for a part, rather than the browser for a page."""
    return request.headers.get("hx-request") == "true" and request.headers.get("hx-boosted") != "true"
