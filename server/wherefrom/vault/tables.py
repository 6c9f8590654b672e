"""Table of the vault room."""

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, String, Table

from wherefrom.db import metadata
from wherefrom.db.partial_index import PartialIndex

blob_piece = Table(
    "blob_piece",
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("sha256", String(64), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),  # from 0; that one is written last
    Column("pieces", Integer, nullable=False),  # how many there are
    Column("content", LargeBinary, nullable=False),
    PartialIndex(
        "ix_blob_piece_whole",  # of all sites: a host's copy may go when the bytes are here
        "sha256",
        where="number = 0",
    ),
)
