"""The closed list of what may happen, and the shape of each event's data.

A type that is not here cannot be appended; its data is always of the one Struct named beside it. Receivers outside
see these names, so they are never renamed.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from wherefrom.events.snapshots import (
    ContactErased,
    MailboxDisconnected,
    MessageReceived,
    OfSend,
    SendBounced,
    SendClicked,
    SendComplained,
    SendDelivered,
    SenderStopped,
    SendFailed,
    SendOpened,
    SendUnsubscribed,
    TestPing,
    WebhookDisabled,
)


class EventType(StrEnum):
    """Names as they stand in the database and in webhook bodies: ``thing.happened``."""

    MESSAGE_RECEIVED = "message.received"
    WEBHOOK_DISABLED = "webhook.disabled"
    MAILBOX_DISCONNECTED = "mailbox.disconnected"
    SENDER_STOPPED = "sender.stopped"
    SEND_DELIVERED = "send.delivered"
    SEND_FAILED = "send.failed"
    SEND_BOUNCED = "send.bounced"
    SEND_OPENED = "send.opened"
    SEND_CLICKED = "send.clicked"
    SEND_UNSUBSCRIBED = "send.unsubscribed"
    SEND_COMPLAINED = "send.complained"
    CONTACT_ERASED = "contact.erased"
    TEST_PING = "test.ping"


SHAPES: dict[EventType, type[msgspec.Struct]] = {
    EventType.MESSAGE_RECEIVED: MessageReceived,
    EventType.WEBHOOK_DISABLED: WebhookDisabled,
    EventType.MAILBOX_DISCONNECTED: MailboxDisconnected,
    EventType.SENDER_STOPPED: SenderStopped,
    EventType.SEND_DELIVERED: SendDelivered,
    EventType.SEND_FAILED: SendFailed,
    EventType.SEND_BOUNCED: SendBounced,
    EventType.SEND_OPENED: SendOpened,
    EventType.SEND_CLICKED: SendClicked,
    EventType.SEND_UNSUBSCRIBED: SendUnsubscribed,
    EventType.SEND_COMPLAINED: SendComplained,
    EventType.CONTACT_ERASED: ContactErased,
    EventType.TEST_PING: TestPing,
}
"""The data of each type."""

ALARMS: frozenset[EventType] = frozenset(
    (EventType.WEBHOOK_DISABLED, EventType.MAILBOX_DISCONNECTED, EventType.SENDER_STOPPED)
)
"""What stands still until a person acts."""

OF_SENDS: tuple[EventType, ...] = tuple(one for one in EventType if issubclass(SHAPES[one], OfSend))
"""What is told of letters that go out."""
