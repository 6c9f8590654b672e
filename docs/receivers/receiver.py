"""Takes letters from Wherefrom: SECRET=whsec_… PORT=8000 python receiver.py"""

import base64
import hmac
import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = base64.b64decode(os.environ["SECRET"].removeprefix("whsec_"))


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        id, at, signed = (self.headers.get("webhook-" + name, "") for name in ("id", "timestamp", "signature"))
        mine = "v1," + base64.b64encode(hmac.digest(KEY, f"{id}.{at}.".encode() + body, "sha256")).decode()
        good = any(hmac.compare_digest(mine.encode(), one.encode()) for one in signed.split())
        if not good or abs(time.time() - int(at)) > 300:
            self.send_error(401)
            return
        letter = json.loads(body)["data"]  # keep it under id: the same id is the same letter, sent again
        self.send_response(200)
        self.end_headers()
        deal = "from " + letter.get("message", {}).get("from_address", "")
        self.wfile.write(json.dumps({"deal_id": deal}).encode())


ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", 8000))), Receiver).serve_forever()
