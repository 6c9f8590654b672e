"""What to do about a refused login, by the server's words and by whose server it is. Data and look-ups alone."""

from __future__ import annotations

import re

_WANTS_ANOTHER = (
    "This provider wants an app password: make one in the account's security settings (two-factor login must be on) "
    "and enter it in place of the usual password."
)
_IMAP_OFF = "Switch IMAP on in the webmail's settings (often “Forwarding and IMAP” or “Mail programs”), then try again."
_USUAL = (
    "Check user name (often the whole address) and password. Some providers want an app password, or have IMAP "
    "switched off until you allow it in the webmail's settings."
)

NOT_CONNECTED = (
    "At Microsoft this means one of three things. The user name is another mailbox's than the password's or token's "
    "owner: enter the mailbox's own address. It is a shared mailbox, and the permission is missing: an administrator "
    "gives that user “Full access” to it. Or IMAP is off for it: an administrator switches it on (Exchange admin "
    "centre, the mailbox, “Manage email apps settings”, IMAP), and it takes effect within the hour."
)

_LOGIN_HINTS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"application.?(?:specific)?.?password|app.?password|NEOBHODIM parol prilozheniya", re.I),
        _WANTS_ANOTHER,
    ),
    (
        re.compile(r"imap (?:access )?(?:is )?(?:disabled|not enabled|off)|enable imap|not enabled for imap", re.I),
        _IMAP_OFF,
    ),
    (
        re.compile(
            r"web ?alert|web login required|log in via your web browser|verify your account|\[ALERT\].*https?:", re.I
        ),
        "The provider wants you to confirm the sign-in: log in to its webmail in a browser, follow the notice there, "
        "then try again.",
    ),
    (
        re.compile(
            r"\[PRIVACYREQUIRED\]|logindisabled|plaintext.{0,20}(?:disallow|disabled)|tls (?:is )?required|starttls",
            re.I,
        ),
        "The server takes no password over an unprotected connection: choose security “tls” (port 993) or “starttls” "
        "(port 143).",
    ),
    (
        re.compile(r"\[EXPIRED\]|password.{0,20}expired", re.I),
        "The password has expired: set a new one at the provider and enter it here.",
    ),
    (
        re.compile(r"unsafe login", re.I),
        "The provider distrusts unknown mail programs: allow this one in its settings.",
    ),
)

_HOST_HINTS: tuple[tuple[tuple[str, ...], str], ...] = (
    (
        ("gmail.com", "googlemail.com"),
        "Google takes an app password in place of the usual one: switch two-step verification on, then make one at "
        "myaccount.google.com/apppasswords. Or connect the mailbox by signing in (“Connect with Google”).",
    ),
    (
        ("yandex.ru", "yandex.com", "yandex.net", "ya.ru"),
        "Yandex takes an app password in place of the usual one: make one at id.yandex.com (Security, App passwords, "
        "Mail), and allow IMAP in the webmail's settings, “Mail programs”. Or connect the mailbox by signing in.",
    ),
    (
        ("mail.ru", "inbox.ru", "list.ru", "bk.ru"),
        "Mail.ru takes an app password in place of the usual one: make one at account.mail.ru (Security, Passwords for "
        "external applications) that may read mail by IMAP. Or connect the mailbox by signing in.",
    ),
    (
        ("me.com", "icloud.com"),
        "Apple takes an app password in place of the usual one: make one at account.apple.com (Sign-In and Security, "
        "App-Specific Passwords). If that is refused, enter the user name without what follows the @.",
    ),
    (
        ("yahoo.com", "yahoo.co.jp", "ymail.com"),
        "Yahoo takes an app password in place of the usual one: make one at login.yahoo.com/account/security "
        "(Generate app password).",
    ),
    (
        ("aol.com",),
        "AOL takes an app password in place of the usual one: make one at login.aol.com/account/security (Generate "
        "app password).",
    ),
    (
        ("fastmail.com",),
        "Fastmail takes an app password in place of the usual one: make one in its settings (Privacy & Security, app "
        "passwords) with access to IMAP.",
    ),
    (
        ("outlook.com", "office365.com", "outlook.office.com", "hotmail.com"),
        "Microsoft has switched off password logins for IMAP. Connect the mailbox by signing in instead (“Connect with "
        "Microsoft”, or “wherefrom mailbox connect”).",
    ),
    (
        ("qq.com", "163.com", "126.com"),
        "This provider takes an authorisation code, a kind of app password, in place of the usual one: make one in the "
        "webmail's settings, where IMAP is switched on.",
    ),
    (
        ("gmx.net", "gmx.com", "web.de"),
        "Check the password; with two-factor login it must be an app password. " + _IMAP_OFF,
    ),
)


def login_hint(answer: str, host: str) -> str:
    """What to do when ``host`` refuses a login with the words ``answer``."""
    of_host = _host_hint(host)
    for pattern, hint in _LOGIN_HINTS:
        if pattern.search(answer):
            return of_host if hint is _WANTS_ANOTHER and "app password" in of_host else hint
    return of_host or _USUAL


def _host_hint(host: str) -> str:
    name = host.lower().rstrip(".")
    for hosts, hint in _HOST_HINTS:
        if any(name == known or name.endswith("." + known) for known in hosts):
            return hint
    return ""
