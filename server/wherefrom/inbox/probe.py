"""Our own probes among the letters: claimed before attribution, so that they are in nobody's history and no CRM."""

from __future__ import annotations

from msgspec import Struct

from wherefrom.db import Tx
from wherefrom.inbox.batch import LetterBatch
from wherefrom.inbox.taker import Ready, Taken
from wherefrom.probes.letter import find_tokens, read_token
from wherefrom.probes.rounds import record_refusal, record_return
from wherefrom.services import Services

_FOLDERS = {"inbox": "the inbox", "junk": "Junk"}


class ProbeTaker(Struct, frozen=True):
    """Takes probes that came back, and what mail servers answer to probes. A token that is forged, or copied into a
    person's letter, claims nothing."""

    name: str = "probe"

    async def take(self, services: Services, _tx: Tx, one: Ready, _batch: LetterBatch) -> Taken | None:
        stored, letter = one.stored, one.letter
        if letter.automatic is None:
            return None
        now = services.clock.now()
        read = (read_token(services.tokens, token, now) for token in find_tokens(letter))
        site_id, probe_id = next((one for one in read if one is not None), (0, 0))
        if not probe_id:
            return None
        own = site_id == stored.site_id
        sender = letter.from_.address if letter.from_ is not None else None
        is_back = sender is not None and sender.key == services.settings.smtp.sender.lower()

        async def write(tx: Tx) -> None:
            if own and is_back:
                folder = _FOLDERS.get(stored.folder_kind, "a further folder")
                await record_return(services, tx, site_id, probe_id, stored.mailbox_id, folder)
            elif own and letter.automatic in ("report", "null-return-path"):
                await record_refusal(tx, site_id, probe_id, f"it bounced: {letter.subject[:200]}")

        words = "a probe of ours came back" if is_back else "an answer to a probe of ours"
        return Taken(write, status="taken", reason=words)
