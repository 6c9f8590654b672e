"""The forms in which servers and providers report, as templates: ``{to}`` is the person's address, ``{path}`` the
letter's own return path, ``{leave}`` its way out, ``{own}`` an address of ours that nothing signed stands in. What a
server says is in words of our own; the forms are those that are met."""

from __future__ import annotations

import textwrap

ORIGINAL = """\
Return-Path: <{path}>
Received: from firm.example (firm.example [192.0.2.7]) by mx.mail.example; Mon, 2 Nov 2026 09:00:00 +0000
From: Shop <news@firm.example>
To: {to}
Subject: Your offer
Date: Mon, 2 Nov 2026 09:00:00 +0000
Message-ID: <offer-1@firm.example>
List-Unsubscribe: <{leave}>
List-Unsubscribe-Post: List-Unsubscribe=One-Click
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8

Good day, here is what you asked for.
"""
STRANGE = """\
Return-Path: <other@elsewhere.example>
From: Somebody <news@firm.example>
To: {to}
Subject: You have won
Date: Mon, 2 Nov 2026 09:00:00 +0000
Message-ID: <77@spammer.example>

Open this at once.
"""
"""A letter that others wrote in our name."""


def head(sender: str, to: str, subject: str, **more: str) -> str:
    """The header fields of a letter that came; ``_`` stands for ``-``."""
    lines = [
        f"Return-Path: {more.pop('Return_Path', '<>')}",
        f"Delivered-To: {to}",
        "Received: from mx.mail.example (mx.mail.example [192.0.2.9]) by mail.firm.example; "
        "Mon, 2 Nov 2026 09:05:00 +0000",
        f"From: {sender}",
        f"To: {to}",
        f"Subject: {subject}",
        "Date: Mon, 2 Nov 2026 09:05:00 +0000",
        f"Message-ID: <{more.pop('id', 'r1')}@mx.mail.example>",
        "MIME-Version: 1.0",
    ]
    return "\n".join(lines + [f"{name.replace('_', '-')}: {value}" for name, value in more.items()]) + "\n"


def multipart(kind: str, *parts: str, report: str = "") -> str:
    """The rest of the header and the body: ``parts`` each with a header of its own."""
    type_ = f"multipart/{kind}; " + (f"report-type={report}; " if report else "")
    body = "".join(f"--=_edge\n{part.rstrip()}\n\n" for part in parts)
    return f'Content-Type: {type_}boundary="=_edge"\n\n{body}--=_edge--\n'


def part(type_: str, text: str) -> str:
    return f"Content-Type: {type_}\n\n{textwrap.dedent(text)}"


def status(*recipients: str, mta: str = "mx.mail.example", more: str = "") -> str:
    """A message/delivery-status; each of ``recipients`` is a block of fields."""
    blocks = "\n\n".join(textwrap.dedent(one).strip() for one in recipients)
    return f"Content-Type: message/delivery-status\n\nReporting-MTA: dns; {mta}\n{more}\n{blocks}\n"


def recipient(
    code: str = "5.1.1",
    answer: str = "",
    *,
    final: str = "rfc822; {to}",
    action: str = "failed",
    original: str = "",
    more: str = "",
) -> str:
    """The block of one recipient."""
    lines = [f"Original-Recipient: {original}"] if original else []
    lines += [f"Final-Recipient: {final}", f"Action: {action}", f"Status: {code}"]
    lines += [f"Diagnostic-Code: {answer}"] if answer else []
    return "\n".join(lines + ([more] if more else []))


def dsn(
    *recipients: str,
    sender: str = "MAILER-DAEMON@mx.mail.example (Mail Delivery System)",
    to: str = "{path}",
    subject: str = "Undelivered Mail Returned to Sender",
    text: str = "The letter did not arrive.",
    returned: str | None = ORIGINAL,
    returned_as: str = "message/rfc822",
    more: str = "",
    **fields: str,
) -> str:
    """A report for machines (RFC 3464)."""
    parts = [part("text/plain; charset=utf-8", text), status(*recipients, more=more)]
    if returned is not None:
        parts.append(f"Content-Type: {returned_as}\n\n{returned}")
    fields = {"Auto_Submitted": "auto-replied", **fields}
    return head(sender, to, subject, **fields) + multipart("report", *parts, report="delivery-status")


def words(text: str, sender: str, subject: str, *, to: str = "{path}", copy: str = "", **fields: str) -> str:
    """A report for people alone."""
    body = textwrap.dedent(text).strip() + "\n" + copy
    return head(sender, to, subject, **fields) + f"Content-Type: text/plain; charset=utf-8\n\n{body}"


def arf(
    kind: str = "abuse",
    *,
    to: str = "{own}",
    returned: str = ORIGINAL,
    returned_as: str = "message/rfc822",
    sender: str = "feedback@provider.example",
    more: str = "",
    text: str = "A person marked this letter as spam.",
) -> str:
    """A feedback report (RFC 5965)."""
    report = f"Feedback-Type: {kind}\nUser-Agent: Provider-FBL/1.2\nVersion: 1\n{textwrap.dedent(more)}"
    parts = (
        part("text/plain", text),
        f"Content-Type: message/feedback-report\n\n{report}",
        f"Content-Type: {returned_as}\n\n{returned}",
    )
    return head(sender, to, "FW: Your offer", Return_Path="<feedback@provider.example>") + multipart(
        "report", *parts, report="feedback-report"
    )
