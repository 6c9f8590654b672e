# ruff: noqa: E501  (a case is read as a line)
"""D08: whom a letter was for, out of every place where servers, forwarders and writers note it."""

import pytest

from wherefrom.mail.letter import ROLES
from wherefrom.mail.parse import parse_letter

CODE = "sales+k7f3q9x2@company.example"
HOP = "by mx.company.example (Postfix) with ESMTPS id 4F1C\r\n\tfor {}; Mon, 2 Nov 2026 09:00:05 +0000 (UTC)"
CASES = {
    "written to": (f"To: {CODE}", [f"to {CODE}"]),
    "copied to": (f"To: a@b.example\r\nCc: Sales <{CODE}>", ["to a@b.example", f"cc {CODE}"]),
    "blind copy, known to the last hop": (f"To: a@b.example\r\nReceived: {HOP.format(f'<{CODE}>')}",
                                          ["to a@b.example", f"received-for {CODE}"]),
    "blind copy, known to the mailbox": (f"Delivered-To: {CODE}\r\nTo: a@b.example", [f"delivered-to {CODE}", "to a@b.example"]),
    "Postfix alias": (f"Delivered-To: box@company.example\r\nX-Original-To: {CODE}",
                      ["delivered-to box@company.example", f"x-original-to {CODE}"]),
    "Exim": (f"Envelope-to: {CODE}\r\nTo: a@b.example", [f"envelope-to {CODE}", "to a@b.example"]),
    "Gmail forwards": (
        f"Delivered-To: box@company.example\r\nX-Forwarded-To: box@company.example\r\nX-Forwarded-For: {CODE} box@company.example\r\n"
        f"Delivered-To: {CODE}",
        ["delivered-to box@company.example", f"delivered-to {CODE}", "x-forwarded-to box@company.example", f"x-forwarded-to {CODE}"],
    ),
    "Outlook forwards": (f"Resent-From: <{CODE}>\r\nX-MS-Exchange-ForwardingLoop: {CODE};0c8f2a6e-1111-2222-3333-444455556666\r\n"
                         "To: a@b.example", [f"x-forwarded-to {CODE}", "to a@b.example"]),
    "resent by a person": (f"Resent-To: {CODE}\r\nTo: a@b.example", [f"x-forwarded-to {CODE}", "to a@b.example"]),
    "Fastmail": (f"X-Delivered-to: {CODE}\r\nX-Resolved-to: box@fastmail.example",
                 [f"delivered-to {CODE}", "x-envelope-to box@fastmail.example"]),
    "Sun and Apple": (f"Original-recipient: rfc822;{CODE}", [f"x-original-to {CODE}"]),
    "CommuniGate": (f"X-Real-To: {CODE}", [f"envelope-to {CODE}"]),
    "a collector": (f"X-Envelope-To: <{CODE}>", [f"x-envelope-to {CODE}"]),
    "an old server": (f"Apparently-To: {CODE}", [f"x-envelope-to {CODE}"]),
    "qmail's virtual domain": (f"Delivered-To: company.example-{CODE}",
                               [f"delivered-to {CODE}", f"delivered-to company.example-{CODE}"]),
    "a hop without brackets": (f"Received: {HOP.format(CODE)}", [f"received-for {CODE}"]),
    "a hop of fetchmail": ("Received: from pop.example by localhost with POP3 (fetchmail-6.4)\r\n\tfor <" + CODE + "> "
                           "(single-drop); Mon, 02 Nov 2026 09:00:05 +0000 (UTC)", [f"received-for {CODE}"]),
    "a hop with the word for elsewhere": (f"Received: from thanks.for.example by mx.example for <{CODE}>; Mon, 2 Nov 2026 09:00:00 +0000",
                                          [f"received-for {CODE}"]),
    "a hop that names for in a comment alone": ("Received: from a (use for <x@y.example>) by mx.example; Mon, 2 Nov 2026 09:00:00 +0000", []),
    "three hops, two receivers": (
        "".join(f"Received: {HOP.format(f'<{one}>')}\r\n" for one in ("box@company.example", CODE, CODE)) + "To: a@b.example",
        ["to a@b.example", "received-for box@company.example", f"received-for {CODE}"],
    ),
    "in upper case": (f"To: {CODE.upper()}", [f"to {CODE.upper().split('@')[0]}@company.example"]),
    "an address of a proxy": ("X-Forwarded-For: 192.0.2.1, 198.51.100.7\r\nTo: a@b.example", ["to a@b.example"]),
    "nobody at all": ("Subject: x", []),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_recipient_is_found_where_it_stands(name: str) -> None:
    fields, expected = CASES[name]
    letter = parse_letter(f"From: anna@customer.example\r\n{fields}\r\n\r\nHello".encode())
    assert [f"{one.role} {one.address.text}" for one in letter.recipients] == expected


def test_the_places_are_tried_in_the_order_they_are_trusted() -> None:
    fields = [
        f"Received: {HOP.format('<h@x.example>')}", "Cc: g@x.example", "To: f@x.example", "X-Envelope-To: e@x.example",
        "X-Forwarded-To: d@x.example", "Envelope-To: c@x.example", "X-Original-To: b@x.example", "Delivered-To: a@x.example",
    ]  # fmt: skip
    letter = parse_letter(("\r\n".join(fields) + "\r\n\r\nHello").encode())
    assert [one.address.local for one in letter.recipients] == list("abcdefgh")
    assert tuple(one.role for one in letter.recipients) == ROLES
    assert [one.trust for one in letter.recipients] == [8, 7, 6, 5, 4, 3, 2, 1]


def test_an_address_in_two_places_is_told_with_both() -> None:
    letter = parse_letter(f"Delivered-To: {CODE}\r\nTo: {CODE}, {CODE}\r\n\r\nx".encode())
    assert [one.role for one in letter.recipients] == ["delivered-to", "to"]
