"""The way out for letters of ours: the SMTP account of the settings, opened by its password or by a token."""

from __future__ import annotations

from dataclasses import dataclass, replace

from wherefrom.grants.renew import note_accepted, replace_token, valid_token
from wherefrom.grants.sender import sender_of
from wherefrom.mail.failures import MailboxError
from wherefrom.mail.smtp import SenderFailed, SenderTokenRefused, SmtpAccount, hand_in
from wherefrom.services import Services


@dataclass(slots=True)
class Door:
    """``account`` as the settings say; its token is fetched when the first letter goes out."""

    services: Services
    account: SmtpAccount

    async def hand_in(self, sender: str, recipient: str, raw: bytes) -> str:
        """The mail server's last words. SenderFailed, RecipientRefused. A token that is refused is replaced once."""
        settings = self.services.settings
        if not settings.smtp.oauth:
            return await hand_in(self.account, sender, recipient, raw)
        owner = sender_of(settings)
        try:
            if not self.account.token:
                self.account = replace(self.account, token=await valid_token(self.services, owner))
            try:
                words = await hand_in(self.account, sender, recipient, raw)
            except SenderTokenRefused:
                token = await replace_token(self.services, owner, self.account.token)
                if token is None:
                    raise
                self.account = replace(self.account, token=token)
                words = await hand_in(self.account, sender, recipient, raw)
        except MailboxError as error:
            raise SenderFailed(error.detail, hint=error.hint) from None
        await note_accepted(self.services, owner)
        return words
