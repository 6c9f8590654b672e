"""The browser's scripts as the service hands them out: bytes, their names, their digests.

    wf.js            the core: what most sites need, at most 3 KB zipped
    wf-full.js       everything; the core fetches it where the tag or the page asks for more
    wf-roistat.js    Roistat's names beside either

The core's name and place are a setting, and the others' are made from it.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
from functools import lru_cache
from html import escape
from pathlib import Path

from msgspec import Struct

from wherefrom.errors import Unavailable
from wherefrom.settings import Settings

CORE, FULL, ROISTAT = "", "full", "roistat"
KINDS = (CORE, FULL, ROISTAT)

_PACKAGE = Path(__file__).resolve().parent.parent
_FOLDERS = (_PACKAGE / "static", _PACKAGE.parent.parent / "js" / "dist")
"""Where an installed package has them, and where a checkout builds them."""


class Script(Struct, frozen=True):
    """``version`` is the head of the SHA-256 in hex; ``integrity`` is for a script tag's attribute of that name."""

    body: bytes
    zipped: bytes
    version: str
    integrity: str


@lru_cache(maxsize=len(KINDS))
def load_script(kind: str = CORE) -> Script:
    """Reads a built script once. Unavailable, with what to do, when it was never built."""
    name = kind_path("wf.js", kind)
    path = next((folder / name for folder in _FOLDERS if (folder / name).is_file()), None)
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


def kind_path(script_path: str, kind: str) -> str:
    """``/wf.js`` → ``/wf-full.js``; the core's path is the setting itself. The script makes the same of its own URL."""
    return _insert(script_path, f"-{kind}") if kind else script_path


def versioned_path(script_path: str, version: str) -> str:
    """``/wf.js`` → ``/wf.1a2b3c4d.js``; a path without an extension gets the version at its end."""
    return _insert(script_path, f".{version}")


def split_version(text: str) -> tuple[str, str]:
    """What stands for the version in a versioned path → version and kind: a core of version V asks for ``V-full``."""
    version, _, kind = text.rpartition("-")
    return (version, kind) if kind in KINDS and version else (text, CORE)


def script_tag(settings: Settings, key: str, *, before_paint: bool = False) -> str:
    """What a site's owner pastes into the pages. The doors are named when they are not where the script looks by
    itself, ``v1/visits`` and ``v1/signals`` beside it. With ``before_paint`` the browser shows nothing until the full
    script has run, so that what a visit holds already is in the page before it is first painted, and no line moves."""
    base, paths = settings.server.public_url.rstrip("/"), settings.collector
    beside = paths.script_path.rpartition("/")[0] + "/v1/"
    doors = {"data-visits": (paths.visits_path, "visits"), "data-signals": (paths.signals_path, "signals")}
    extra = "".join(
        f' {name}="{escape(base + path)}"' for name, (path, usual) in doors.items() if path != beside + usual
    )
    source = base + (kind_path(paths.script_path, FULL) if before_paint else paths.script_path)
    when = 'async blocking="render"' if before_paint else "async"
    return f'<script {when} src="{escape(source)}" data-site="{escape(key)}"{extra}></script>'


def _insert(script_path: str, text: str) -> str:
    folder, slash, name = script_path.rpartition("/")
    stem, dot, extension = name.rpartition(".")
    return f"{folder}{slash}{stem}{text}{dot}{extension}" if stem else f"{folder}{slash}{name}{text}"
