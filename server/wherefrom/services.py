"""What rooms are built from: made once at the start, passed to every use case, never looked up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wherefrom.clock import Clock
from wherefrom.db import Database
from wherefrom.load import Load
from wherefrom.mail.blobs import Blobs
from wherefrom.settings import Settings
from wherefrom.supervise import Bell
from wherefrom.tally import Tally
from wherefrom.tokens import Ids, Tokens

if TYPE_CHECKING:
    import httpx


@dataclass(frozen=True, slots=True)
class Services:
    """The service's own tools. ``http`` gives the guarded client: it refuses private addresses. ``load`` counts what
    this process turned away, ``tally`` what it did."""

    db: Database
    clock: Clock
    settings: Settings
    tokens: Tokens
    ids: Ids
    http: Callable[[], httpx.AsyncClient]
    blobs: Blobs
    bell: Bell
    load: Load = field(default_factory=Load)
    tally: Tally = field(default_factory=Tally)
