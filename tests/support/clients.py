"""How the tests' own HTTP clients keep connections."""

from __future__ import annotations

import httpx

BRIEFLY = httpx.Limits(keepalive_expiry=1.0)
"""A server closes a connection on which nothing is asked for five seconds, and so long a client keeps it: beside a
build the one may close it while the other asks, which no client of HTTP can tell from a server that died."""
