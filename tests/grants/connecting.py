"""The way through a provider's agreement page, as somebody with a browser goes it."""

from typing import Any

import msgspec

from tests.support.dovecot import Dovecot
from tests.support.oauth_server import OauthServer
from wherefrom.inbox.connect import ConnectMailbox, begin, complete
from wherefrom.inbox.store.mailboxes import Mailbox
from wherefrom.mail.oauth import read_redirect
from wherefrom.services import Services
from wherefrom.settings import Oauth, OauthCustom, Settings

HOLDER = "key 1"


def with_oauth(settings: Settings, oauth: OauthServer, server: Dovecot | None = None, **more: Any) -> Settings:
    """The settings with ``oauth`` as custom provider, whose mail is on ``server``."""
    mail = {"host": "127.0.0.1", "port": server.imap_port if server else 143, "security": "none"}
    custom = OauthCustom(name="Example", **(oauth.settings | mail | more))
    return msgspec.structs.replace(settings, oauth=Oauth(custom=custom))


async def connected(services: Services, oauth: OauthServer, username: str, **wanted: Any) -> Mailbox:
    """A mailbox of site 1 whose owner has agreed."""
    asked = await begin(services, 1, HOLDER, ConnectMailbox(provider="custom", username=username, **wanted))
    back = read_redirect(await oauth.agree(asked.url))
    return await complete(services, HOLDER, back.state, back)
