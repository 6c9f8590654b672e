"""A shop's pages on a real port, with the script tag as its owner would paste it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Shop</title>
<script async src="{script}" data-site="{key}" data-webdriver="allow"></script></head>
<body>
<p id="text">Write to ({address}), please.</p>
<p><a id="link" href="mailto:{address}?subject=Chairs">{address}</a></p>
<p id="other">Nobody substitutes other@elsewhere.example here.</p>
</body></html>"""


@contextmanager
def open_shop(host: str, script: str, key: str, address: str) -> Iterator[str]:
    """Serves the page at the URL it gives, under ``host`` (which the browser must map to loopback)."""
    body = PAGE.format(script=script, key=key, address=address).encode()

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html; charset=utf-8")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://{host}:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
