"""Files of letters over HTTP: a blob as a download that can do no harm in a browser.

Strangers wrote these bytes. They are always a download, never shown: a name that is safe on every system (RFC 6266,
RFC 8187), no sniffing, a sandbox without an origin should a browser show them after all, and active types (HTML, SVG,
scripts) as plain bytes.
"""

from __future__ import annotations

import re
from urllib.parse import quote

from starlette.responses import FileResponse

from wherefrom.errors import NotFound
from wherefrom.services import Services
from wherefrom.vault.vault import bring

_PLAIN = "application/octet-stream"
_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,60}/[a-z0-9][a-z0-9.+-]{0,80}")
_ACTIVE = re.compile(r"html|xml|svg|script|multipart/|message/|x-mimearchive|pdf-?js|shockwave")
_UNSAFE = re.compile(r'[\x00-\x1f\x7f"\\/:*?<>|%;]')
_LONGEST = 150

_HEADERS = {
    "content-security-policy": "sandbox; default-src 'none'",
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-robots-tag": "noindex",
    "cache-control": "private, no-cache",
}


async def file_response(
    services: Services, site_id: int, sha256: str, name: str, content_type: str
) -> FileResponse:  # fmt: skip
    """The site's blob as a download under ``name``. NotFound when it was erased."""
    await bring(services, site_id, [sha256])
    path = services.blobs.path(sha256)
    if not path.is_file():
        raise NotFound("the file is no longer kept", hint="it was erased, or the data folder was moved")
    headers = {**_HEADERS, "content-disposition": content_disposition(name)}
    return FileResponse(path, media_type=safe_type(content_type), headers=headers)


def content_disposition(name: str) -> str:
    """``attachment`` with the name twice: in ASCII for old readers, in UTF-8 for the rest. Without marks that nobody
    sees, by which ``report_gpj.exe`` would be shown as a picture."""
    seen = "".join(char if char.isprintable() else "_" for char in name)
    bare = _UNSAFE.sub("_", seen).strip(". ")[-_LONGEST:].strip(". ") or "file"
    plain = "".join(char if char.isascii() else "_" for char in bare)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(bare, safe='')}"


def safe_type(content_type: str) -> str:
    """The declared type where it is harmless, else plain bytes."""
    bare = content_type.partition(";")[0].strip().lower()
    return bare if _TYPE.fullmatch(bare) and not _ACTIVE.search(bare) else _PLAIN
