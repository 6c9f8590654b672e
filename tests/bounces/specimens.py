"""Letters that come back, or look as if they did, each with what is right to make of it.

``weight``: what is to be kept beside the letter that it is about; "left": it is none of ours to take, and goes on to
the next taker. ``bounced``: a person would say that with it a letter of ours to this person came back, or that this
person complained. Only what is "hard", a complaint, and ``bounced`` ends mail.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.bounces.forms import ORIGINAL, STRANGE, arf, dsn, head, multipart, part, recipient, status, words


@dataclass(frozen=True)
class Specimen:
    name: str
    raw: str
    weight: str
    bounced: bool = True


def all_specimens() -> list[Specimen]:
    """Names are unique."""
    found = [
        *_postfix(), *_exim(), *_microsoft(), *_gmail(), *_sendmail(), *_russian(), *_others(), *_identity(),
        *_damaged(), *_delays(), *_several(), *_languages(), *_words(), *_complaints(), *_no_complaints(),
        *_automatic(), *_no_proof(), *_people(),
    ]  # fmt: skip
    assert len({one.name for one in found}) == len(found)
    return found


def _postfix() -> Iterator[Specimen]:
    said = "smtp; {0}"
    for name, code, answer, weight in (
        (
            "unknown",
            "5.1.1",
            "550 5.1.1 <{to}>: Recipient address rejected: User unknown in virtual mailbox table",
            "hard",
        ),
        (
            "no-host",
            "5.4.4",
            "X-Postfix; Host or domain name not found. Name service error for name=mail.example",
            "hard",
        ),
        ("bad-host", "5.1.2", "550 5.1.2 <{to}>: Recipient address rejected: Domain not found", "hard"),
        ("moved", "5.1.6", "551 5.1.6 <{to}>: the person has moved away", "hard"),
        ("full", "5.2.2", "552 5.2.2 <{to}>: user is over quota", "passing"),
        ("full-for-now", "4.2.2", "452 4.2.2 <{to}>: mailbox full", "passing"),
        ("policy", "5.7.1", "554 5.7.1 <{to}>: Recipient address rejected: Access denied", "passing"),
        ("listed", "5.7.1", "554 5.7.1 Service unavailable; client is in the blocklist of dnsbl.example", "passing"),
        ("too-large", "5.3.4", "552 5.3.4 Message size exceeds fixed limit", "passing"),
        ("expired", "4.4.1", "X-Postfix; connect to mx.mail.example[192.0.2.9]:25: Connection timed out", "soft"),
        ("loop", "5.4.6", "X-Postfix; mail for mail.example loops back to myself", "soft"),
        ("closed", "5.2.1", "550 5.2.1 <{to}>: the mailbox is closed", "soft"),
        ("content", "5.6.0", "554 5.6.0 Message contents rejected", "passing"),
    ):
        answer = answer if ";" in answer.partition(" ")[0] else said.format(answer)
        block = recipient(code, answer, original="rfc822;{to}", more="Remote-MTA: dns; mx.mail.example")
        yield Specimen(f"postfix-{name}", dsn(block, more="X-Postfix-Queue-ID: 4F1C21000A\n"), weight)
    yield Specimen(
        "postfix-headers-only",
        dsn(recipient("5.1.1", "smtp; 550 5.1.1 unknown user"), returned_as="text/rfc822-headers"),
        "hard",
    )


def _exim() -> Iterator[Specimen]:
    sender = "Mail Delivery System <Mailer-Daemon@mx.mail.example>"
    for name, answer, weight in (
        ("unknown", "smtp; 550 5.1.1 <{to}> no such person here", "hard"),
        (
            "unknown-split",
            "smtp; 550-5.1.1 The person does not live here.\n 550 5.1.1 Look for a mistake in the name.",
            "hard",
        ),
        ("no-code", "smtp; 550 No such user here", "soft"),
        ("spam", "smtp; 550 This message was classified as spam", "passing"),
        ("full", "smtp; 552 5.2.2 Mailbox quota exceeded", "passing"),
        ("verify", "smtp; 550 Sender verify failed", "passing"),
        ("relay", "smtp; 550 relay not permitted", "passing"),
        ("nothing-said", "", "passing"),
    ):
        block = recipient("5.0.0", answer, final="rfc822;{to}", more="Remote-MTA: dns; mx.mail.example")
        raw = dsn(
            block,
            sender=sender,
            subject="Mail delivery failed: returning message to sender",
            X_Failed_Recipients="{to}",
        )
        yield Specimen(f"exim-{name}", raw, weight)


def _microsoft() -> Iterator[Specimen]:
    sender = "Microsoft Outlook <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@mail.example>"
    subject = "Undeliverable: Your offer"
    for name, code, answer, weight in (
        ("unknown", "5.1.1", "smtp;550 5.1.1 RESOLVER.ADR.RecipNotFound; not found", "hard"),
        (
            "unknown-10",
            "5.1.10",
            "smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by look-up",
            "soft",
        ),
        ("refused", "5.7.1", "smtp;550 5.7.1 RESOLVER.RST.NotAuthorized; not authorized", "passing"),
        ("only-inside", "5.7.133", "smtp;550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup; check", "passing"),
        ("access", "5.4.1", "smtp;550 5.4.1 Recipient address rejected: Access denied [x.mail.example]", "soft"),
        ("full", "5.2.2", "smtp;554 5.2.2 mailbox full; STOREDRV.Deliver: quota exceeded", "passing"),
        ("banned", "5.7.606", "smtp;550 5.7.606 Access denied, banned sending IP [192.0.2.7]", "passing"),
        ("expired", "4.4.7", "smtp;550 4.4.7 QUEUE.Expired; message expired", "soft"),
        ("loop", "5.4.14", "smtp;554 5.4.14 Hop count exceeded - possible mail loop", "soft"),
    ):
        block = recipient(code, answer, final="rfc822;{to}", more="X-Display-Name: Ann Example")
        yield Specimen(f"exchange-{name}", dsn(block, sender=sender, subject=subject), weight)
    html = part(
        "text/html; charset=utf-8", "<html><body><p>The letter was not delivered to <b>{to}</b>.</p></body></html>"
    )
    body = multipart(
        "report",
        html,
        status(recipient("5.1.1", "smtp;550 5.1.1 User unknown", original="rfc822;{to}"), mta="x.mail.example"),
        f"Content-Type: message/rfc822\n\n{ORIGINAL}",
        report="delivery-status",
    )
    yield Specimen("office365-html", head(sender, "{path}", subject) + body, "hard")


def _gmail() -> Iterator[Specimen]:
    sender = "Mail Delivery Subsystem <mailer-daemon@googlemail.com>"
    see = "https://support.provider.example/mail/?p=NoSuchUser ab12si345.7 - gsmtp"
    for name, code, action, answer, weight in (
        ("unknown", "5.1.1", "failed", f"smtp; 550-5.1.1 The account that was asked for is not there. {see}", "hard"),
        ("no-domain", "5.1.2", "failed", "smtp; 550 5.1.2 the domain mail.example was not found", "hard"),
        ("unauthenticated", "5.7.26", "failed", "smtp; 550-5.7.26 This mail has no SPF and no DKIM", "passing"),
        ("full", "5.2.2", "failed", "smtp; 552-5.2.2 The account is over quota", "passing"),
        ("inactive", "5.2.1", "failed", "smtp; 550 5.2.1 The account is inactive", "soft"),
        ("expired", "4.4.1", "failed", "smtp; The recipient server did not accept our requests to connect", "soft"),
        ("waits", "4.4.1", "delayed", "smtp; The recipient server did not accept our requests to connect", "waiting"),
        ("rate", "4.2.1", "failed", "smtp; 450-4.2.1 The account gets mail too many times a minute", "passing"),
    ):
        block = recipient(code, answer, action=action, more="Last-Attempt-Date: Mon, 02 Nov 2026 01:00:00 -0800 (PST)")
        raw = dsn(block, sender=sender, subject="Delivery Status Notification (Failure)", X_Failed_Recipients="{to}")
        yield Specimen(f"gmail-{name}", raw, weight)


def _sendmail() -> Iterator[Specimen]:
    sender = "Mail Delivery Subsystem <MAILER-DAEMON@relay.mail.example>"
    text = "   ----- The following addresses had permanent fatal errors -----\n<{to}>\n"
    for name, code, answer, weight in (
        ("unknown", "5.1.1", "SMTP; 550 5.1.1 <{to}>... User unknown", "hard"),
        ("no-host", "5.1.2", "", "hard"),
        ("refused", "5.0.0", "SMTP; 553 sorry, that is not in my list", "passing"),
        ("expired", "4.4.7", "", "soft"),
        ("full", "5.2.2", "X-Unix; 69", "passing"),
    ):
        block = recipient(code, answer, final="RFC822; {to}", more="Last-Attempt-Date: Mon, 2 Nov 2026 09:00:00 GMT")
        raw = dsn(block, sender=sender, subject="Returned mail: see transcript for details", text=text)
        yield Specimen(f"sendmail-{name}", raw, weight)


def _russian() -> Iterator[Specimen]:
    yandex = "Mail Delivery System <MAILER-DAEMON@yandex.example>"
    for name, code, answer, weight in (
        ("nobody", "5.7.1", "smtp; 550 5.7.1 No such user!", "soft"),
        ("spam", "5.7.1", "smtp; 554 5.7.1 Message rejected under suspicion of SPAM", "passing"),
        ("unknown", "5.1.1", "smtp; 550 5.1.1 Пользователь не найден", "hard"),
        ("full", "5.2.2", "smtp; 552 5.2.2 Mailbox size limit exceeded", "passing"),
    ):
        text = "Это письмо отправлено почтовым сервером. Ваше письмо не доставлено: {to}"
        raw = dsn(
            recipient(code, answer),
            sender=yandex, subject="=?UTF-8?B?0J3QtdC00L7RgdGC0LDQstC70LXQvdC90L7QtQ==?=", text=text,
        )  # fmt: skip
        yield Specimen(f"yandex-{name}", raw, weight)
    mailru = "mailer-daemon@corp.mail.example"
    for name, answer, weight in (
        ("nobody", "smtp; 550 invalid mailbox. User not found", "soft"),
        ("over", "smtp; 550 ящик переполнен, квота исчерпана", "passing"),
        ("spam", "smtp; 550 spam message rejected", "passing"),
    ):
        yield Specimen(
            f"mailru-{name}", dsn(recipient("5.0.0", answer), sender=mailru, subject="Mail failure."), weight
        )
    told = """
        This message was created automatically by mail delivery software.

        A message that you sent could not be delivered to one or more of its recipients:

          {to}
            host mx.mail.example: 550 Message was not accepted -- invalid mailbox
    """
    yield Specimen("mailru-words", words(told, mailru, "Mail failure."), "soft")


def _others() -> Iterator[Specimen]:
    unknown = "smtp; 550 5.1.1 nobody of that name"
    for name, sender, subject in (
        ("courier", '"Courier mail server at mx" <@mx.mail.example:postmaster>', "NOTICE: mail delivery status."),
        ("zimbra", "MAILER-DAEMON@zimbra.mail.example (Mail Delivery System)", "Undelivered Mail Returned to Sender"),
        ("domino", "Postmaster@domino.mail.example", "DELIVERY FAILURE: User not listed in the directory"),
        ("groupwise", "Mailer-Daemon@gw.mail.example", "Message status - undeliverable"),
        ("mdaemon", "MDaemon at mail.example <MDaemon@mail.example>", "Permanent Delivery Failure"),
        ("icloud", "MAILER-DAEMON@me.mail.example", "Undeliverable message"),
        ("bigfoot", "postmaster@gateway.mail.example", "Delivery Notification: Delivery has failed"),
        ("haraka", "MAILER-DAEMON@haraka.mail.example", "failed mail"),
    ):
        yield Specimen(f"{name}-unknown", dsn(recipient("5.1.1", unknown), sender=sender, subject=subject), "hard")
    yield Specimen(
        "delivered", dsn(recipient("2.0.0", action="delivered"), subject="Successful delivery"), "delivered", False
    )
    yield Specimen("relayed", dsn(recipient("2.0.0", action="relayed"), subject="Relayed"), "noted", False)
    yield Specimen("expanded", dsn(recipient("2.0.0", action="expanded"), subject="Expanded"), "noted", False)


def _identity() -> Iterator[Specimen]:
    unknown = recipient("5.1.1", "smtp; 550 5.1.1 unknown")
    yield Specimen("by-returned-header", dsn(unknown, to="{own}"), "hard")
    yield Specimen("by-returned-header-alone", dsn(unknown, to="{own}", returned_as="text/rfc822-headers"), "hard")
    folded = ORIGINAL.replace("List-Unsubscribe: <", "List-Unsubscribe:\n <").replace("Return-Path: <{path}>\n", "")
    yield Specimen("by-folded-way-out", dsn(unknown, to="{own}", returned=folded), "hard")
    bare = STRANGE.replace("Open this at once.", "Leave by {leave} whenever you like.")
    yield Specimen("by-link-in-text", dsn(unknown, to="{own}", returned=bare), "hard")
    quoted = STRANGE.replace(
        "\n\nOpen this at once.",
        "\nContent-Transfer-Encoding: quoted-printable\n\nLeave by {soft} whenever you like.",
    )
    yield Specimen("by-link-in-quoted-printable", dsn(unknown, to="{own}", returned=quoted), "hard")
    named = STRANGE.replace("<77@spammer.example>", "<{path}>")
    yield Specimen("by-message-id", dsn(unknown, to="{own}", returned=named), "hard")
    answering = dsn(unknown, to="{own}", returned=None, In_Reply_To="<{path}>")
    yield Specimen("by-what-it-answers", answering, "hard")
    shouted = dsn(recipient("5.1.1", final="RFC822;{TO}"), to="{PATH}")
    yield Specimen("in-upper-case", shouted, "hard")
    hidden = dsn(unknown, to="{own}", returned=None).replace(
        "To: {own}\nSubject", "To: undisclosed\nX-Original-To: {path}\nSubject"
    )
    yield Specimen("by-x-original-to", hidden, "hard")
    yield Specimen("nothing-returned", dsn(unknown, returned=None), "hard")
    yield Specimen("xtext", dsn(recipient("5.1.1", final="rfc822; unknown", original="rfc822;{xtext}")), "hard")
    yield Specimen("utf-8-address", dsn(recipient("5.1.1", final="utf-8; {to}")), "hard")
    yield Specimen("brackets", dsn(recipient("5.1.1", final="rfc822; <{to}>")), "hard")
    yield Specimen("below-its-host", dsn(recipient("5.1.1", final="rfc822; {below}")), "hard")
    yield Specimen("detail-taken-off", dsn(recipient("5.1.1", final="rfc822; {detailed}")), "hard")


def _damaged() -> Iterator[Specimen]:
    ok = recipient("5.1.1", "smtp; 550 5.1.1 unknown")
    yield Specimen("empty-lines", dsn("\n\n" + ok, more="\n\n"), "hard")
    yield Specimen(
        "one-block", dsn(ok).replace("Reporting-MTA: dns; mx.mail.example\n\n", "Reporting-MTA: dns; x\n"), "hard"
    )
    yield Specimen("status-with-words", dsn(recipient("5.1.1 (no such mailbox)", action="failed (final)")), "hard")
    yield Specimen("not-closed", dsn(ok).removesuffix("--=_edge--\n"), "hard")
    yield Specimen("no-address", dsn(recipient("5.1.1", final="rfc822;")), "soft")
    yield Specimen("x400-address", dsn(recipient("5.1.1", final="x400; /G=Ann/S=Example/")), "soft")
    yield Specimen("no-status", dsn(recipient("", "smtp; 550 something is wrong")), "passing")
    yield Specimen("no-action", dsn(recipient("5.1.1", action="")), "noted")
    yield Specimen("no-recipient", dsn("X-Nothing: at all"), "noted")
    yield Specimen("codes-differ", dsn(recipient("5.1.1", "smtp; 550 5.7.1 not for you")), "passing")
    yield Specimen("code-against-words", dsn(recipient("5.1.1", "smtp; 550 5.1.1 rejected as spam")), "passing")
    yield Specimen("for-now-against-code", dsn(recipient("5.1.1", "smtp; 450 come back tomorrow")), "passing")
    base64 = dsn(ok).replace("message/delivery-status\n", "message/delivery-status; name=details.txt\n")
    yield Specimen("status-named", base64, "hard")
    yield Specimen("mixed-crlf", dsn(ok).replace("\n", "\r\n"), "hard")


def _delays() -> Iterator[Specimen]:
    for name, code, sender in (
        ("postfix", "4.4.1", "MAILER-DAEMON@mx.mail.example (Mail Delivery System)"),
        ("sendmail", "4.4.3", "Mail Delivery Subsystem <MAILER-DAEMON@relay.mail.example>"),
        ("exchange", "4.4.7", "postmaster@mail.example"),
        ("exim", "4.0.0", "Mailer-Daemon@mx.mail.example"),
        ("with-hard-code", "5.1.1", "MAILER-DAEMON@mx.mail.example"),
    ):
        block = recipient(
            code, "smtp; 451 later", action="delayed", more="Will-Retry-Until: Thu, 5 Nov 2026 09:00:00 +0000"
        )
        yield Specimen(
            f"delayed-{name}", dsn(block, sender=sender, subject="Delayed Mail (still being retried)"), "waiting", False
        )
    called = recipient("5.1.1", "smtp; 451 later", more="Will-Retry-Until: Thu, 5 Nov 2026 09:00:00 +0000")
    yield Specimen("delayed-called-failed", dsn(called, subject="Warning"), "waiting", False)
    told = """
        THIS IS A WARNING MESSAGE ONLY. YOU DO NOT NEED TO RESEND YOUR MESSAGE.

        The letter to {to} has not been delivered yet: 450 come again. It will be tried for five days.
    """
    yield Specimen(
        "delayed-words", words(told, "MAILER-DAEMON@mx.mail.example", "Warning: could not send"), "left", False
    )


def _several() -> Iterator[Specimen]:
    other = recipient("5.1.1", final="rfc822; bob@mail.example")
    yield Specimen("two-and-ours-failed", dsn(other, recipient("5.1.1", "smtp; 550 5.1.1 unknown")), "hard")
    yield Specimen("two-and-ours-arrived", dsn(other, recipient("2.0.0", action="delivered")), "delivered", False)
    yield Specimen("two-and-ours-full", dsn(other, recipient("5.2.2", "smtp; 552 5.2.2 full")), "passing")
    yield Specimen("of-another-address", dsn(other), "passing", False)
    forwarded = recipient("5.1.1", final="rfc822; ann@elsewhere.example", more="X-Note: sent on")
    yield Specimen("sent-on", dsn(forwarded), "passing", False)
    sorted_ = recipient("5.1.1", "smtp; 550 5.1.1 unknown", final="rfc822; {archive}")
    yield Specimen("a-detail-that-is-not-ours", dsn(sorted_), "passing", False)
    three = [recipient("5.1.1", final=f"rfc822; member{n}@mail.example") for n in range(3)]
    yield Specimen("a-group", dsn(*three), "passing", False)


def _languages() -> Iterator[Specimen]:
    for name, subject, text in (
        ("german", "Unzustellbar: Ihr Angebot", "Die Nachricht an {to} kam nicht an."),
        ("french", "Non remis : votre offre", "La lettre pour {to} n'est pas arrivée."),
        ("spanish", "No se ha podido entregar", "La carta para {to} no ha llegado."),
        ("italian", "Mancato recapito", "La lettera per {to} non è arrivata."),
        ("polish", "Niedostarczona wiadomość", "List do {to} nie dotarł."),
        ("chinese", "退信通知", "给 {to} 的信没有送到。"),
        ("japanese", "配信不能", "{to} への手紙は届きませんでした。"),
    ):
        block = recipient("5.1.1", "smtp; 550 5.1.1 ---")
        yield Specimen(f"in-{name}", dsn(block, subject=subject, text=text, sender="postmaster@mail.example"), "hard")


def _words() -> Iterator[Specimen]:
    copy = f"\n--- Below this line is a copy of the message.\n\n{ORIGINAL}"
    qmail = """
        Hi. This is the program at mx.mail.example. I could not deliver your letter to these addresses.

        <{to}>:
        192.0.2.9 does not like recipient.
        Remote host said: 550 5.1.1 unknown
        Giving up on 192.0.2.9.
    """
    yield Specimen("qmail", words(qmail, "MAILER-DAEMON@mx.mail.example", "failure notice", copy=copy), "soft")
    yield Specimen(
        "qmail-not-ours", words(qmail, "MAILER-DAEMON@mx.mail.example", "failure notice", to="{own}"), "left", False
    )
    exim = """
        A letter that you sent could not be delivered:

          {to}
            SMTP error after RCPT TO:<{to}>: 550 no such address
    """
    sender = "Mail Delivery System <Mailer-Daemon@mx.mail.example>"
    yield Specimen("exim-words", words(exim, sender, "Mail delivery failed", X_Failed_Recipients="{to}"), "soft")
    old = """
           ----- The following addresses had permanent fatal errors -----
        <{to}>

           ----- Transcript of session follows -----
        550 <{to}>... User unknown
    """
    yield Specimen(
        "sendmail-words", words(old, "Mailer-Daemon@old.mail.example", "Returned mail: User unknown"), "soft"
    )
    german = "Ihre Nachricht an {to} konnte nicht zugestellt werden: Empfänger unbekannt."
    yield Specimen("german-words", words(german, "Mailer-Daemon@mail.example", "Unzustellbare Nachricht"), "soft")
    russian = "Письмо для {to} не доставлено: такой адрес не найден, ящик не существует."
    yield Specimen("russian-words", words(russian, "Mailer-Daemon@mail.example", "Письмо не доставлено"), "soft")
    silent = "We were not able to deliver your letter.\n\n<{to}>:\nThere is no mailbox of that name here. (#5.1.1)"
    sender = "MAILER_DAEMON@quiet.mail.example"
    raw = words(silent, sender, "failure notice", Return_Path="<bounces@quiet.mail.example>")
    yield Specimen("words-without-a-sign", raw, "soft")
    cut = dsn("X-Nothing: at all", text="<{to}>: 550 user unknown")
    yield Specimen("report-cut-off", cut, "soft")
    other = "The letter could not be delivered to bob@elsewhere.example: 550 unknown."
    yield Specimen("words-of-another", words(other, "MAILER-DAEMON@mail.example", "failure notice"), "passing", False)


def _complaints() -> Iterator[Specimen]:
    yield Specimen("arf-abuse", arf(), "complaint")
    yield Specimen("arf-fraud", arf("fraud"), "complaint")
    yield Specimen("arf-opt-out", arf("opt-out"), "complaint")
    redacted = ORIGINAL.replace("{to}", "redacted@provider.example").replace("Return-Path: <{path}>\n", "")
    yield Specimen("arf-redacted", arf(returned=redacted, more="Original-Rcpt-To: <redacted>\n"), "complaint")
    yield Specimen("arf-headers-only", arf(returned_as="text/rfc822-headers"), "complaint")
    envelope = arf(returned=STRANGE, more="Original-Mail-From: <{path}>\nOriginal-Rcpt-To: <{to}>\n")
    yield Specimen("arf-by-envelope", envelope, "complaint")
    yield Specimen("arf-case", arf("ABUSE (by hand)", sender="staff@hotmail.example"), "complaint")
    yield Specimen("arf-to-return-path", arf(to="{path}", returned=STRANGE), "complaint")


def _no_complaints() -> Iterator[Specimen]:
    yield Specimen("arf-not-spam", arf("not-spam"), "left", False)
    yield Specimen("arf-auth-failure", arf("auth-failure", more="Auth-Failure: dmarc\n"), "left", False)
    yield Specimen("arf-virus", arf("virus"), "left", False)
    yield Specimen("arf-forged", arf(returned=STRANGE), "left", False)
    yield Specimen("arf-no-type", arf("").replace("Feedback-Type: \n", ""), "left", False)


def _automatic() -> Iterator[Specimen]:
    ann = "Ann <{to}>"
    replies = {"Auto_Submitted": "auto-replied", "Return_Path": "<>"}
    for name, subject, text in (
        (
            "english",
            "Out of office: Your offer",
            "I am away until Monday. In urgent matters write to bob@mail.example.",
        ),
        ("german", "Abwesenheitsnotiz: Ihr Angebot", "Ich bin bis Montag nicht im Büro."),
        ("russian", "Автоответ: ваше предложение", "Меня нет на работе. Письмо прочту в понедельник."),
        ("gone", "Automatic reply", "I no longer work here. This address does not exist any more: 550 user unknown."),
        ("permanent", "Re: Your offer", "My mailbox {to} is closed permanently and could not be delivered to."),
    ):
        yield Specimen(f"vacation-{name}", words(text, ann, subject, **replies), "left", False)
    challenge = "Your letter to {to} could not be delivered yet. Click here to confirm that you are a person."
    yield Specimen(
        "challenge", words(challenge, "mail-system@mail.example", "Undelivered: confirm", **replies), "left", False
    )
    mdn = (
        part("text/plain", "The letter was read."),
        "Content-Type: message/disposition-notification\n\n"
        "Final-Recipient: rfc822; {to}\nOriginal-Message-ID: <offer-1@firm.example>\n"
        "Disposition: manual-action/MDN-sent-manually; {word}\n",
        f"Content-Type: text/rfc822-headers\n\n{ORIGINAL}",
    )
    for word in ("displayed", "deleted"):
        raw = head(ann, "{path}", "Read: Your offer") + multipart("report", *mdn, report="disposition-notification")
        yield Specimen(f"receipt-{word}", raw.replace("{word}", word), "left", False)
    dmarc = head("noreply-dmarc@provider.example", "{own}", "Report domain: firm.example") + multipart(
        "mixed",
        part("text/plain", "This is a report of a week."),
        'Content-Type: application/gzip; name="report.xml.gz"\n'
        "Content-Transfer-Encoding: base64\n\nH4sIAAAAAAAAA6uu5QIABrCh3QMAAAA=",
    )
    yield Specimen("dmarc-report", dmarc, "left", False)
    notice = "Your letter to the list waits for a moderator. {to} is not a member."
    yield Specimen(
        "list-notice",
        words(notice, "list-bounces@lists.example", "Your message awaits approval", Precedence="list"),
        "left",
        False,
    )
    probe = "Some mail to you bounced: 550 user unknown. You will be removed from the list. {to}"
    yield Specimen(
        "list-probe",
        words(probe, "list-owner@lists.example", "Bounce probe", List_Id="<list.lists.example>"),
        "left",
        False,
    )


def _no_proof() -> Iterator[Specimen]:
    unknown = recipient("5.1.1", "smtp; 550 5.1.1 unknown")
    yield Specimen("forged-report", dsn(unknown, to="{own}", returned=STRANGE), "left", False)
    yield Specimen("forged-token", dsn(unknown, to="{forged}", returned=STRANGE), "left", False)
    yield Specimen(
        "backscatter", dsn(recipient("5.1.1", final="rfc822; x@y.example"), to="{own}", returned=STRANGE), "left", False
    )
    yield Specimen("forged-without-letter", dsn(unknown, to="{own}", returned=None), "hard", False)
    answer = STRANGE.replace(
        "Subject: You have won", "Subject: Re: Your offer\nIn-Reply-To: <offer-1@firm.example>"
    ).replace("Open this at once.", "As you asked.\n\n> Leave by {leave}")
    yield Specimen("our-answer-that-quotes-it", dsn(unknown, to="{own}", returned=answer), "left", False)
    known = STRANGE.replace("<77@spammer.example>", "<offer-1@firm.example>")
    yield Specimen("only-the-message-id", dsn(unknown, to="{own}", returned=known), "left", False)


def _people() -> Iterator[Specimen]:
    ann = "Ann <{to}>"
    plain = {"Return_Path": "<{to}>"}
    quoting = "Look what I got:\n\n> <{to}>: 550 5.1.1 user unknown, could not be delivered\n> {leave}"
    yield Specimen("person-quotes-a-bounce", words(quoting, ann, "Fwd: Undelivered Mail", **plain), "left", False)
    inner = dsn(recipient("5.1.1", "smtp; 550 5.1.1 unknown"))
    forwarded = head(ann, "{own}", "Fwd: failure notice", **plain) + multipart(
        "mixed",
        part("text/plain", "What is this?"),
        f"Content-Type: message/rfc822\n\n{inner.replace('=_edge', '=_inner')}",
    )
    yield Specimen("person-forwards-a-bounce", forwarded, "left", False)
    spam = words(
        "Your mailbox is blocked. 550 5.1.1. Log in at https://phish.example/{to}",
        "Mail Delivery System <mailer-daemon@phish.example>", "Undelivered Mail Returned to Sender", to="{own}",
        **plain,
    )  # fmt: skip
    yield Specimen("spam-like-a-bounce", spam, "left", False)
    reply = words("Yes, please send it. My old address does not exist any more.", ann, "Re: Your offer", **plain)
    yield Specimen("a-persons-reply", reply, "left", False)
    yield Specimen(
        "a-reply-to-the-return-path", words("Stop writing to me.", ann, "Undeliverable", **plain), "left", False
    )
