"""The closed list of what may happen, and the shape of each event's data.

A type that is not here cannot be appended; its data is always of the one Struct named beside it. Receivers outside
see these names, so they are never renamed.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from wherefrom.events.snapshots import (
    MailboxDisconnected,
    MessageReceived,
    SendClicked,
    SendOpened,
    TestPing,
    WebhookDisabled,
)


class EventType(StrEnum):
    """Names as they stand in the database and in webhook bodies: ``thing.happened``."""

    MESSAGE_RECEIVED = "message.received"
    WEBHOOK_DISABLED = "webhook.disabled"
    MAILBOX_DISCONNECTED = "mailbox.disconnected"
    SEND_OPENED = "send.opened"
    SEND_CLICKED = "send.clicked"
    TEST_PING = "test.ping"


SHAPES: dict[EventType, type[msgspec.Struct]] = {
    EventType.MESSAGE_RECEIVED: MessageReceived,
    EventType.WEBHOOK_DISABLED: WebhookDisabled,
    EventType.MAILBOX_DISCONNECTED: MailboxDisconnected,
    EventType.SEND_OPENED: SendOpened,
    EventType.SEND_CLICKED: SendClicked,
    EventType.TEST_PING: TestPing,
}
"""The data of each type."""
