"""The browser's script as the service hands it out: bytes, their names, their digest."""

from __future__ import annotations

import base64
import gzip
import hashlib
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from pathlib import Path

from wherefrom.errors import Unavailable
from wherefrom.settings import Settings

_PACKAGE = Path(__file__).resolve().parent.parent
_PLACES = (_PACKAGE / "static" / "wf.js", _PACKAGE.parent.parent / "js" / "dist" / "wf.js")
"""Where an installed package has it, and where a checkout builds it."""


@dataclass(frozen=True, slots=True)
class Script:
    """``version`` is the head of the SHA-256 in hex; ``integrity`` is for a script tag's attribute of that name."""

    body: bytes
    zipped: bytes
    version: str
    integrity: str


@lru_cache(maxsize=1)
def load_script() -> Script:
    """Reads the built script once. Unavailable, with what to do, when it was never built."""
    path = next((place for place in _PLACES if place.is_file()), None)
    if path is None:
        raise Unavailable("the browser's script was not built", hint="run “npm ci && npm run build” in js/")
    body = path.read_bytes()
    digest = base64.b64encode(hashlib.sha384(body).digest()).decode()
    return Script(
        body=body,
        zipped=gzip.compress(body, 9, mtime=0),
        version=hashlib.sha256(body).hexdigest()[:8],
        integrity=f"sha384-{digest}",
    )


def versioned_path(script_path: str, version: str) -> str:
    """``/wf.js`` → ``/wf.1a2b3c4d.js``; a path without an extension gets the version at its end."""
    folder, slash, name = script_path.rpartition("/")
    stem, dot, extension = name.rpartition(".")
    return f"{folder}{slash}{stem}.{version}{dot}{extension}" if stem else f"{folder}{slash}{name}.{version}"


def script_tag(settings: Settings, key: str) -> str:
    """What a site's owner pastes into the pages. The doors are named when they are not where the script looks by
    itself, ``v1/visits`` and ``v1/signals`` beside it."""
    base, paths = settings.server.public_url.rstrip("/"), settings.collector
    beside = paths.script_path.rpartition("/")[0] + "/v1/"
    doors = {"data-visits": (paths.visits_path, "visits"), "data-signals": (paths.signals_path, "signals")}
    extra = "".join(
        f' {name}="{escape(base + path)}"' for name, (path, usual) in doors.items() if path != beside + usual
    )
    return f'<script async src="{escape(base + paths.script_path)}" data-site="{escape(key)}"{extra}></script>'
