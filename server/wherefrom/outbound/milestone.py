"""What happens to a letter that the owner sends, and is counted: each once, when it first happened. Pure."""

from __future__ import annotations

from typing import Literal

Event = Literal["sent", "delivered", "opened", "clicked", "failed", "complained", "unsubscribed"]
EVENTS: tuple[Event, ...] = ("sent", "delivered", "opened", "clicked", "failed", "complained", "unsubscribed")
