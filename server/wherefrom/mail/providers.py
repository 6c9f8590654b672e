"""The mail providers whose accounts are opened by OAuth: where they are, what to ask for, what to register there.

Data alone, each with the pages it was taken from (read in November 2026). Whoever runs the service registers it once
with a provider as an OAuth client; what comes of that (client id, secret) stands in the settings, group ``[oauth]``.
A provider that is not here is described in ``[oauth.custom]``, or by whoever connects the mailbox.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from wherefrom.errors import BadInput

ProviderKey = Literal["google", "microsoft", "yandex", "mailru", "custom"]

CUSTOM = "custom"


class Provider(Struct, frozen=True):
    """``authorize_url`` and ``token_url`` may hold ``{tenant}``. ``scopes``: what is asked for, one space apart.
    ``must_grant``: part of a scope without which no mail can be read, "" where the provider does not tell what it
    granted. ``smtp_scopes`` and ``smtp_must_grant``: the same for sending. ``extra``: further parameters of the
    authorisation request. ``register``: what the operator does, step by step; ``register_at``: where. ``sources``: the
    provider's own pages."""

    key: ProviderKey
    name: str
    host: str
    port: int
    security: Literal["tls", "starttls", "none"]
    smtp_host: str
    smtp_port: int
    authorize_url: str
    token_url: str
    scopes: str
    must_grant: str = ""
    smtp_scopes: str = ""
    smtp_must_grant: str = ""
    extra: tuple[tuple[str, str], ...] = ()
    tenant: str = ""
    register_at: str = ""
    register: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()


GOOGLE = Provider(
    key="google",
    name="Google",
    host="imap.gmail.com",
    port=993,
    security="tls",
    smtp_host="smtp.gmail.com",
    smtp_port=465,
    authorize_url="https://accounts.google.com/o/oauth2/v2/auth",
    token_url="https://oauth2.googleapis.com/token",  # noqa: S106  # an address
    scopes="https://mail.google.com/",
    must_grant="https://mail.google.com/",
    smtp_scopes="https://mail.google.com/",
    smtp_must_grant="https://mail.google.com/",
    # Without both no refresh token comes, or only the first time somebody agrees.
    extra=(("access_type", "offline"), ("prompt", "consent")),
    register_at="https://console.cloud.google.com/auth/clients",
    register=(
        "Make a project, and in it an OAuth client of the type “Web application”.",
        "Enter the redirect address below under “Authorised redirect URIs”.",
        "Under “Data access” add the scope https://mail.google.com/: IMAP has no smaller one.",
        "Under “Audience” choose “Internal” in a Workspace. Outside of one, publish the app: while it is in testing, "
        "what people granted ends after 7 days.",
        "Put client id and secret into the settings, group [oauth.google].",
    ),
    sources=(
        "https://developers.google.com/workspace/gmail/imap/xoauth2-protocol",
        "https://developers.google.com/workspace/gmail/imap/imap-smtp",
        "https://developers.google.com/identity/protocols/oauth2/web-server",
    ),
)

MICROSOFT = Provider(
    key="microsoft",
    name="Microsoft",
    host="outlook.office365.com",
    port=993,
    security="tls",
    smtp_host="smtp.office365.com",
    smtp_port=587,
    authorize_url="https://login.microsoftonline.com/{tenant}/oauth2/v2.0/authorize",
    token_url="https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token",  # noqa: S106
    # offline_access brings the refresh token. The resource must be Outlook's, not Graph's.
    scopes="https://outlook.office.com/IMAP.AccessAsUser.All offline_access",
    must_grant="imap.accessasuser.all",
    smtp_scopes="https://outlook.office.com/SMTP.Send offline_access",
    smtp_must_grant="smtp.send",
    extra=(("prompt", "select_account"),),
    tenant="common",  # work, school and personal accounts alike
    register_at="https://entra.microsoft.com/#view/Microsoft_AAD_RegisteredApps/ApplicationsListBlade",
    register=(
        "Register an application. Account types: those the mailboxes are of; for outlook.com and hotmail.com "
        "“personal accounts” too.",
        "Add the platform “Web” with the redirect address below. Microsoft takes https, or http://localhost.",
        "Under “API permissions” add Office 365 Exchange Online or Microsoft Graph, delegated: IMAP.AccessAsUser.All "
        "and offline_access; SMTP.Send if probes go out by such an account. Some organisations want an administrator's "
        "consent.",
        "Under “Certificates & secrets” make a client secret; note when it ends.",
        "Put client id and secret into the settings, group [oauth.microsoft]. For accounts of one organisation set "
        "tenant to its id; “organizations” or “consumers” narrow it to work or personal accounts.",
        "IMAP must be on for each mailbox (Exchange admin centre, “Manage email apps”).",
    ),
    sources=(
        "https://learn.microsoft.com/exchange/client-developer/legacy-protocols/"
        "how-to-authenticate-an-imap-pop-smtp-application-by-using-oauth",
        "https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow",
    ),
)

YANDEX = Provider(
    key="yandex",
    name="Yandex",
    host="imap.yandex.com",
    port=993,
    security="tls",
    smtp_host="smtp.yandex.com",
    smtp_port=465,
    authorize_url="https://oauth.yandex.com/authorize",
    token_url="https://oauth.yandex.com/token",  # noqa: S106
    scopes="mail:imap_ro",  # reading only, which is all that is done
    smtp_scopes="mail:smtp",
    extra=(("force_confirm", "yes"),),
    register_at="https://oauth.yandex.com/client/new",
    register=(
        "Make an app for “Web services” with the redirect address below.",
        "Add the permission mail:imap_ro (reading of mail by IMAP); mail:smtp if probes go out by such an account.",
        "Put client id and secret into the settings, group [oauth.yandex].",
        "In the mailbox's own settings, “Email clients”, allow IMAP with app passwords and OAuth tokens.",
    ),
    sources=(
        "https://yandex.ru/support/yandex-360/business/mail/ru/web/security/oauth",
        "https://yandex.com/dev/id/doc/en/codes/code-url",
    ),
)

MAIL_RU = Provider(
    key="mailru",
    name="Mail.ru",
    host="imap.mail.ru",
    port=993,
    security="tls",
    smtp_host="smtp.mail.ru",
    smtp_port=465,
    authorize_url="https://oauth.mail.ru/login",
    token_url="https://oauth.mail.ru/token",  # noqa: S106
    scopes="userinfo mail.imap",  # mail.imap is given together with userinfo only
    smtp_scopes="userinfo mail.imap",  # there is no scope of its own for SMTP
    register_at="https://oauth.mail.ru/app/",
    register=(
        "Make an app with the redirect address below, written exactly so.",
        "Nothing else is needed: the permission mail.imap is asked for when a mailbox is connected.",
        "Put client id and secret into the settings, group [oauth.mailru].",
    ),
    sources=("https://id.vk.com/about/business/go/docs/ru/vkid/latest/oauth/oauth-mail/index",),
)

PRESETS: tuple[Provider, ...] = (GOOGLE, MICROSOFT, YANDEX, MAIL_RU)


def get_preset(key: str) -> Provider:
    """The provider of this key; BadInput for one that is not here."""
    for one in PRESETS:
        if one.key == key:
            return one
    known = ", ".join(one.key for one in PRESETS)
    raise BadInput(
        f"“{key[:40]}” is no provider that is known here",
        hint=f"{known}, or custom with all its URLs",
        field="provider",
    )
