"""Events to append."""

from datetime import UTC, datetime

from wherefrom.events.snapshots import Attachment, Match, Message, MessageReceived, Utm, Visit, WebhookDisabled

AT = datetime(2026, 11, 2, 9, 0, 0, 123000, tzinfo=UTC)

DISABLED = WebhookDisabled(endpoint_id="5", url="https://crm.example/hook", status="failed", reason="five days")


def letter(subject: str = "Test", *, with_visit: bool = True) -> MessageReceived:
    """A whole snapshot."""
    message = Message(
        id=str(2**62), email_id="222", subject=subject, text="Grüße 👋", from_address="a@mail.com", from_name="A",
        to_address="sales+k7f3q9x2@company.com", recipients=["sales+k7f3q9x2@company.com"], received_at=AT,
        written_at=AT, message_id="<1@mail.com>", folder_kind="inbox", automatic="", first_of_thread=True,
        attachments=[Attachment(n=0, name="a.pdf", size=3, content_type="application/pdf")],
    )  # fmt: skip
    visit = Visit(
        id="123", first_visit="100", started_at=AT, landing_page="https://company.com/", referrer="", domain="",
        marker="google", channel="organic search", source_levels=["google"], utm=Utm(source="google"), country=None,
        country_code=None, region=None, city=None, ip=None, device="desktop", os="Linux", browser="Firefox",
        language=None, timezone=None, google_client_id=None, ym_uid=None, params={"1": "x"},
    )  # fmt: skip
    match = Match(rule="code", confidence=0.99, reason="it was shown to visit 123 alone")
    return MessageReceived(message=message, match=match if with_visit else None, visit=visit if with_visit else None)
