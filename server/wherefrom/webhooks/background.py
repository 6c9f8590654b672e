"""The room's background work, for the composition root."""

from __future__ import annotations

import functools

from wherefrom.services import Services
from wherefrom.supervise import Resident, Worker
from wherefrom.webhooks.deliver import Courier
from wherefrom.webhooks.fanout import fan_out

_POLL_SECONDS = 1.0  # how long an event of another process waits at most; one of this process rings the bell


def background(services: Services) -> tuple[Worker | Resident, ...]:
    """Events become deliveries, deliveries are posted."""
    return (
        Worker("webhooks.fanout", functools.partial(fan_out, services), idle=_POLL_SECONDS, topic="events"),
        Resident("webhooks.deliver", Courier(services).run),
    )
