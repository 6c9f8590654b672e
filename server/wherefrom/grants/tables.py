"""Tables of the grants room. Whatever is called sealed is encrypted at rest; "" stands for "none"."""

from sqlalchemy import BigInteger, Boolean, Column, Index, String, Table, Text

from wherefrom.db import Moment, metadata

mailbox_grant = Table(
    "mailbox_grant",
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("mailbox_id", BigInteger, primary_key=True, autoincrement=False),
    Column("provider", String(16), nullable=False),  # google, microsoft, yandex, mailru, custom
    Column("tenant", Text, nullable=False),  # "" = the settings', like the next five
    Column("client_id", Text, nullable=False),
    Column("client_secret", Text, nullable=False),  # sealed
    Column("authorize_url", Text, nullable=False),
    Column("token_url", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("access_token", Text, nullable=False),  # sealed
    Column("refresh_token", Text, nullable=False),  # sealed
    Column("expires_at", Moment),  # of the access token; null: it has no end
    Column("obtained_at", Moment, nullable=False),
    Column("refused", Boolean, nullable=False),  # the mail server refused a token, and this one came in its place
    Column("ended", Text, nullable=False),  # why there will be no more tokens, in words; "" = there will
    Column("claimed_until", Moment),  # somebody is renewing it
)

grant_request = Table(
    "grant_request",
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("state_hash", String(64), nullable=False),
    Column("holder", String(80), nullable=False),  # the session or key it was begun by
    Column("provider", String(16), nullable=False),
    Column("verifier", Text, nullable=False),  # sealed
    Column("memo", Text, nullable=False),  # sealed: what was wanted, for whoever asked
    Column("expires_at", Moment, nullable=False),
    Index("uq_grant_request_state", "site_id", "state_hash", unique=True),
)
