"""Tables of the accounts room."""

from sqlalchemy import BigInteger, Column, Index, String, Table, Text

from wherefrom.db import Moment, metadata

user = Table(
    "user_account",  # "user" is a reserved word on PostgreSQL
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("email", String(254), nullable=False, unique=True),  # the key form: lower case
    Column("password_hash", Text, nullable=False),  # argon2id, with its parameters
    Column("created_at", Moment, nullable=False),
)

login = Table(
    "login",
    metadata,
    Column("token_hash", String(64), primary_key=True),  # SHA-256 of the cookie
    Column("user_id", BigInteger, nullable=False, index=True),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False, index=True),
)

login_failure = Table(
    "login_failure",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("email", String(254), nullable=False),
    Column("ip", String(45), nullable=False),
    Column("failed_at", Moment, nullable=False),
    Index("ix_login_failure_email", "email", "failed_at"),
    Index("ix_login_failure_ip", "ip", "failed_at"),
)

api_key = Table(
    "api_key",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("site_id", BigInteger, nullable=False, index=True),  # 0: an operator's key, for all sites
    Column("name", String(200), nullable=False),
    Column("secret_hash", String(64), nullable=False, unique=True),
    Column("hint", String(16), nullable=False),  # the first letters, so that a person can tell keys apart
    Column("created_at", Moment, nullable=False),
    Column("last_used_at", Moment),
)

membership = Table(
    "membership",
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("user_id", BigInteger, primary_key=True, autoincrement=False, index=True),
    Column("role", String(16), nullable=False),  # owner, analyst
)
