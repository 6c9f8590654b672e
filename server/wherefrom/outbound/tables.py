"""Tables of the outbound room."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, String, Table, Text

from wherefrom.db import Json, Moment, metadata
from wherefrom.db.partial_index import PartialIndex

send = Table(
    "send",
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("contact_id", BigInteger, nullable=False),
    Column("subject", Text, nullable=False),
    Column("list", String(100), nullable=False),  # the owner's name for a kind of mail; "" for none
    Column("reference", String(200), nullable=False),  # the owner's own; "" for none
    Column("tracks_opens", Boolean, nullable=False),  # what the letter really carries, not what was asked for
    Column("tracks_clicks", Boolean, nullable=False),
    Column("note", Text, nullable=False),  # why it carries less than was asked for, in words
    Column("status", String(16), nullable=False),  # see status.py
    Column("status_at", Moment, nullable=False),  # when what it says happened
    Column("created_at", Moment, nullable=False),
    Column("opened_at", Moment),  # the first time by a person; so are all below
    Column("last_opened_at", Moment),
    Column("opens", Integer, nullable=False),
    Column("clicked_at", Moment),
    Column("last_clicked_at", Moment),
    Column("clicks", Integer, nullable=False),
    Column("open_told", Boolean, nullable=False),  # its event is written; it never is a second time
    Column("click_told", Boolean, nullable=False),
    Index("ix_send_contact", "site_id", "contact_id", "id"),
    Index("ix_send_reference", "site_id", "reference"),
    # Totals over time are counted from these and the two below alone; with the list in them, of one list, too.
    Index("ix_send_list", "site_id", "list", "id"),
    Index("ix_send_created", "site_id", "created_at", "list"),
)
for _act in (send.c.opened_at, send.c.clicked_at):
    PartialIndex(
        f"ix_send_{_act.name.removesuffix('_at')}",
        send.c.site_id,
        _act,
        send.c.list,
        where=_act.is_not(None),
    )

send_notice = Table(
    "send_notice",  # what others say became of a send: all of it is kept, the status is made from it
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("send_id", BigInteger, nullable=False),
    Column("status", String(16), nullable=False),
    Column("happened_at", Moment, nullable=False),
    Column("told_at", Moment, nullable=False),
    Column("detail", Text, nullable=False),
    Index("uq_send_notice", "site_id", "send_id", "status", "happened_at", unique=True),
    Index("ix_send_notice_happened", "site_id", "status", "happened_at", "send_id"),
)

suppression = Table(
    "suppression",
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("email", String(254), nullable=False),  # in lower case
    Column("scope", String(100), nullable=False),  # a list's name; "" is all mail
    Column("reason", String(16), nullable=False),  # unsubscribed, complained, bounced, manual
    Column("detail", Text, nullable=False),
    Column("send_id", BigInteger),  # the letter it came by
    Column("created_at", Moment, nullable=False),
    Column("created_by", String(80), nullable=False),  # see suppression.py
    Column("undone_at", Moment),
    Column("undone_by", String(80), nullable=False),
    Index("ix_suppression_email", "site_id", "email"),
)
PartialIndex(
    "uq_suppression_active",
    suppression.c.site_id,
    suppression.c.email,
    suppression.c.scope,
    suppression.c.reason,  # what a person wanted and takes back must not take back what others decided
    unique=True,
    where=suppression.c.undone_at.is_(None),
)

bounce = Table(
    "bounce",  # what came back of letters: all of it is kept, also what was not acted on
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("send_id", BigInteger, nullable=False),
    Column("contact_id", BigInteger, nullable=False),
    Column("email", String(254), nullable=False),  # the contact's, when it came
    Column("weight", String(16), nullable=False),  # see bounce.py; "complaint" of a complaint
    Column("code", String(16), nullable=False),  # RFC 3463's; "" for none
    Column("reason", Text, nullable=False),  # why it has this weight, in words
    Column("detail", Text, nullable=False),  # what the other server said
    Column("proof", String(16), nullable=False),  # what shows that it is of this letter; see bounces/identity.py
    Column("ended", Boolean, nullable=False),  # mail to the address was ended by it
    Column("message_id", BigInteger),  # the letter that told it; null when the server refused at once
    Column("happened_at", Moment, nullable=False),
    Column("told_at", Moment, nullable=False),
    Index("ix_bounce_email", "site_id", "email", "id"),
    Index("ix_bounce_send", "site_id", "send_id"),
)

sender = Table(
    "sender",  # the account a site's letters go out by
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("host", String(253), nullable=False),
    Column("port", Integer, nullable=False),
    Column("security", String(8), nullable=False),  # tls, starttls, none
    Column("username", String(320), nullable=False),  # "" for no login
    Column("password", Text, nullable=False),  # sealed; "" for none
    Column("ca_file", Text, nullable=False),
    Column("from_address", String(254), nullable=False),
    Column("from_name", String(200), nullable=False),
    Column("bounce_address", String(254), nullable=False),  # what return paths are made of; "": from_address as it is
    Column("per_hour", Integer),  # letters; null for no limit
    Column("connections", Integer, nullable=False),  # at once, over all processes
    Column("dkim", Json, nullable=False),  # a list of keys, see dkim.py; the private halves are sealed
    Column("status", String(8), nullable=False),  # new, working, failing
    Column("status_detail", Text, nullable=False),
    Column("status_hint", Text, nullable=False),
    Column("status_at", Moment, nullable=False),
    Column("failures", Integer, nullable=False),  # in a row
    Column("failing_since", Moment),
    Column("told", Boolean, nullable=False),  # that it fails is told by an event
    Column("quiet_until", Moment),  # nothing is tried before
    Column("paced_until", Moment),  # how much of per_hour is used up, see pace.py
    Column("revision", Integer, nullable=False),  # grows with each change, so that open connections are left
    Column("created_at", Moment, nullable=False),
)

outgoing = Table(
    "outgoing",  # letters that are sent from here, by their send; the row stays, the letter goes when it is over
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("id", BigInteger, primary_key=True, autoincrement=False),  # the send's
    Column("state", String(8), nullable=False),  # queued, sent, refused, failed
    Column("email", String(254), nullable=False),
    Column("message_id", Text, nullable=False),
    Column("raw", Text, nullable=False),  # the letter as it is signed, in ASCII; "" when it is over
    Column("request_key", String(200)),  # the caller's Idempotency-Key
    Column("request_digest", String(64), nullable=False),  # of what was asked with it
    Column("attempts", Integer, nullable=False),
    Column("answer", Text, nullable=False),  # the mail server's last words
    Column("next_at", Moment),  # null when it is over
    Column("claimed_until", Moment),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),  # given up when it is not gone by then
    Column("ended_at", Moment),
    Index("uq_outgoing_request", "site_id", "request_key", unique=True),
)
PartialIndex(
    "ix_outgoing_queued",
    outgoing.c.site_id,
    outgoing.c.next_at,
    outgoing.c.id,
    where=outgoing.c.next_at.is_not(None),
)
PartialIndex(
    "ix_outgoing_claimed",  # how many are on their way, however many wait
    outgoing.c.site_id,
    outgoing.c.claimed_until,
    where=outgoing.c.claimed_until.is_not(None),
)
