"""Requests as a browser sends them, header by header, for those who measure.

What a server does for a request grows with its headers, and a browser sends sixteen where a program sends four. A test
holds the page's against Chromium's (``tests/js/test_start.py``).
"""

from __future__ import annotations

AGENTS = [
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{n}.0.0.0 Safari/537.36"
    for n in range(90, 140)
]
_HINTS = {
    "sec-ch-ua-platform": '"Windows"',
    "sec-ch-ua": '"Not:A-Brand";v="8", "Chromium";v="140"',
    "sec-ch-ua-mobile": "?0",
}
_READS = {"accept-encoding": "gzip, deflate, br, zstd", "accept-language": "de-DE,de;q=0.9"}
_PICTURE = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
_DOCUMENT = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8"


def page_shown(path: str, body: bytes, agent: str, page: str = "https://shop.example") -> bytes:
    """The script of a page tells the collector, on another host, that the page is shown."""
    fetched = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "cors", "sec-fetch-dest": "empty"}
    headers = {
        "content-length": str(len(body)),
        **_HINTS,
        "user-agent": agent,
        "content-type": "text/plain;charset=UTF-8",
        "accept": "*/*",
        "origin": page,
        **fetched,
        "referer": f"{page}/",
        **_READS,
    }
    return _request("POST", path, headers) + body


def picture_asked(path: str, agent: str) -> bytes:
    """A letter read in a browser shows a picture."""
    fetched = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}
    return _request("GET", path, {**_HINTS, "user-agent": agent, "accept": _PICTURE, **fetched, **_READS})


def link_followed(path: str, agent: str) -> bytes:
    """A link of a letter is followed."""
    fetched = {"sec-fetch-site": "none", "sec-fetch-mode": "navigate", "sec-fetch-user": "?1"}
    asked = {"upgrade-insecure-requests": "1", "user-agent": agent, "accept": _DOCUMENT}
    return _request("GET", path, {**_HINTS, **asked, **fetched, "sec-fetch-dest": "document", **_READS})


def _request(method: str, path: str, headers: dict[str, str]) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "host: from.example", "connection: keep-alive"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()
