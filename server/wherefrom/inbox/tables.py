"""Tables of the inbox room."""

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, LargeBinary, String, Table, Text, text

from wherefrom.db import Json, Moment, metadata
from wherefrom.db.partial_index import PartialIndex

mailbox = Table(
    "mailbox",
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("name", String(200), nullable=False),
    Column("host", String(253), nullable=False),
    Column("port", Integer, nullable=False),
    Column("security", String(8), nullable=False),  # tls, starttls, none
    Column("username", String(320), nullable=False),
    Column("password", Text, nullable=False),  # sealed
    Column("ca_file", Text, nullable=False),  # "" = the system's authorities
    Column("enabled", Boolean, nullable=False),
    Column("status", String(20), nullable=False),  # new, connecting, ok, login_failed, tls_failed, unreachable, failed
    Column("status_detail", Text, nullable=False),
    Column("checked_at", Moment),
    Column("watcher", String(64), nullable=False),  # the process that watches it
    Column("watched_until", Moment),  # its claim ends here unless renewed
    Column("revision", Integer, nullable=False),  # grows with each edit, so that a watcher starts anew
    Column("created_at", Moment, nullable=False),
    Index("uq_mailbox_account", "site_id", "host", "port", "username", unique=True),
)

folder = Table(
    "folder",
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("mailbox_id", BigInteger, nullable=False),
    Column("name", String(500), nullable=False),
    Column("kind", String(8), nullable=False),  # inbox, junk, other
    Column("since", String(16), nullable=False),  # new, all, or a number of days
    Column("uidvalidity", BigInteger),  # null: never looked at, or the server has none
    Column("last_uid", BigInteger, nullable=False),
    Column("baselined", Boolean, nullable=False),  # what was there before is settled
    Column("checked_at", Moment),
    Column("begun_at", Moment),  # when it was added: what arrived before is old mail; null: with its mailbox
    Column("uidnext", BigInteger),  # as the server told it at the last look, like the next two; null: not told
    Column("letters", BigInteger),
    Column("highestmodseq", BigInteger),
    Column("counted_at", Moment),  # the last full check
    Column("counted_uid", BigInteger, nullable=False, server_default="0"),  # the last UID stored by then
    Column("floor_uid", BigInteger, nullable=False, server_default="0"),  # no full check looks at or below this one
    Column("backlog_uid", BigInteger, nullable=False, server_default="0"),  # old mail is read up to here
    Column("backlog_end", BigInteger),  # and there it ends; null: there is none, or it is read
    Column("backlog_letters", BigInteger, nullable=False, server_default="0"),  # of so many letters
    Column("backlog_read", BigInteger, nullable=False, server_default="0"),  # so many are read
    Index("uq_folder_name", "site_id", "mailbox_id", "name", unique=True),
)

message = Table(
    "message",
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("mailbox_id", BigInteger, nullable=False),
    Column("folder_id", BigInteger, nullable=False),
    Column("folder_kind", String(8), nullable=False),
    Column("uidvalidity", BigInteger, nullable=False),  # 0 where the server has none
    Column("uid", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),  # the raw bytes, a blob
    Column("size", BigInteger, nullable=False),  # bytes on the server
    Column("truncated", Boolean, nullable=False),
    Column("status", String(16), nullable=False),  # arriving, stored, sorted, unreadable, duplicate, taken
    Column("status_reason", Text, nullable=False),
    Column("duplicate_of", BigInteger),
    Column("tries", Integer, nullable=False),
    Column("claimed_until", Moment),
    Column("arrived_at", Moment, nullable=False),  # INTERNALDATE
    Column("stored_at", Moment, nullable=False),
    Column("historic", Boolean, nullable=False, server_default=text("false")),  # of before its folder was added
    # from here on filled by sorting
    Column("written_at", Moment),  # the Date header
    Column("message_id", Text),
    Column("in_reply_to", Text),
    Column("references", Json),
    Column("subject", Text, nullable=False),
    Column("from_address", String(320), nullable=False),
    Column("from_name", Text, nullable=False),
    Column("to_address", String(320), nullable=False),  # the substitute, or the recipient of most trust
    Column("text", Text, nullable=False),
    Column("has_html", Boolean, nullable=False),
    Column("automatic", Text, nullable=False),  # "" or why it is taken for automatic mail
    Column("first_of_thread", Boolean, nullable=False),
    Column("defects", Json),
    Index("uq_message_position", "site_id", "folder_id", "uidvalidity", "uid", unique=True),
    Index("ix_message_arrived", "site_id", "arrived_at", "id"),
    Index("ix_message_sha256", "site_id", "sha256"),
    Index("ix_message_message_id", "site_id", "message_id"),
    Index("ix_message_from", "site_id", "from_address", "arrived_at", "id"),  # in the order of the history
    PartialIndex(
        "ix_message_junk",
        "site_id",
        "arrived_at",
        "id",
        where="folder_kind = 'junk'",
    ),
    Index("ix_message_to", "site_id", "to_address", "arrived_at"),
    PartialIndex(
        "ix_message_historic",  # few, and asked for every two seconds while they come
        "site_id",
        "mailbox_id",
        "arrived_at",
        "id",
        where="historic",
        on_sqlite="historic = 1",
    ),
    PartialIndex(
        "ix_message_arriving",  # hardly ever any, and looked for after each look into a folder
        "site_id",
        "folder_id",
        where="status = 'arriving'",
    ),
    PartialIndex(
        "ix_message_stored",
        "historic",  # letters of today before old mail
        "id",
        where="status = 'stored'",
    ),
)

message_address = Table(
    "message_address",
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("message_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),  # in the order of trust
    Column("role", String(24), nullable=False),  # to, cc, delivered-to, …
    Column("address", String(320), nullable=False),
    Column("name", Text, nullable=False),
    Index("ix_message_address_address", "site_id", "address"),
)

attachment = Table(
    "attachment",
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("message_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("content_type", String(200), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("inline", Boolean, nullable=False),
    Column("content_id", Text, nullable=False),
    Index("ix_attachment_sha256", "site_id", "sha256"),
)

match = Table(
    "match",
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("message_id", BigInteger, primary_key=True, autoincrement=False),
    Column("visit_id", BigInteger),  # null: no rule answered
    Column("lease_id", BigInteger),
    Column("rule", String(16), nullable=False),  # code, pool, thread, sender, quoted, analyst, none
    Column("confidence", Float, nullable=False),
    Column("reasons", Json, nullable=False),  # words, the winning one first
    Column("candidates", Json, nullable=False),  # runners-up
    Column("matched_at", Moment, nullable=False),
    Index("ix_match_visit", "site_id", "visit_id"),
)

trait = Table(
    "trait",  # what a letter's visit is found by in the history, beside the letter's own place there
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("name", String(16), primary_key=True),  # see traits.py
    Column("value", String(200), primary_key=True),  # its beginning
    Column("arrived_at", Moment, primary_key=True, autoincrement=False),
    Column("message_id", BigInteger, primary_key=True, autoincrement=False),
    Index("ix_trait_message", "site_id", "message_id"),
)

search_fresh = Table(
    "search_fresh",  # letters that are in no part of the index yet, by their place in the history
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("arrived_at", Moment, primary_key=True, autoincrement=False),
    Column("message_id", BigInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

search_part = Table(
    "search_part",  # letters that were indexed together
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("status", String(8), nullable=False),  # making, ready, stale (some letter is gone), dropped
    Column("claimed_until", Moment, nullable=False),  # until then somebody makes it
    Column("newest_at", Moment, nullable=False),  # when its newest letter arrived, and its oldest
    Column("oldest_at", Moment, nullable=False),
    Column("letters", Integer, nullable=False),
    Column("places", LargeBinary, nullable=False),  # of its letters, the newest first: see store/parts.py
    Index("ix_search_part_newest", "site_id", "newest_at"),
)

search_gram = Table(
    "search_gram",  # which letters of a part have a gram
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("part_id", BigInteger, primary_key=True, autoincrement=False),
    Column("gram", BigInteger, primary_key=True, autoincrement=False),  # see grams.py, as for the next
    Column("letters", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

author = Table(
    "author",
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("visit_id", BigInteger, primary_key=True, autoincrement=False),
    Column("message_id", BigInteger, primary_key=True, autoincrement=False),
    Column("share", Float, nullable=False),  # how likely the letter is of this visit
    Column("sign", String(8)),  # what it taught of the site's habits; null: nothing
    Column("seconds", Float),
    Column("counts", Boolean, nullable=False),
    Index("ix_author_message", "site_id", "message_id"),
)

loose_blob = Table(
    "loose_blob",  # bytes that a letter had which is gone: perhaps nobody needs them any more
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("sha256", String(64), primary_key=True),
    Column("loose_at", Moment, nullable=False),
    Index("ix_loose_blob_at", "loose_at"),
)

gone_letter = Table(
    "gone_letter",  # places of letters that were removed while a full check may still look for them
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("folder_id", BigInteger, primary_key=True, autoincrement=False),
    Column("uidvalidity", BigInteger, primary_key=True, autoincrement=False),
    Column("uid", BigInteger, primary_key=True, autoincrement=False),
)
