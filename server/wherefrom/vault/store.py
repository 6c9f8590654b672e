"""All SQL of the vault room."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, literal_column, select

from wherefrom.db import Tx, insert
from wherefrom.vault.tables import blob_piece

_FIRST = blob_piece.c.number == literal_column("0")


async def list_whole(tx: Tx, site_id: int, names: Sequence[str]) -> set[str]:
    """Which of these the site's vault holds whole."""
    query = select(blob_piece.c.sha256).where(
        blob_piece.c.site_id == site_id, _FIRST, blob_piece.c.sha256.in_(list(names))
    )
    return set((await tx.scalars(query)).all())


async def list_kept(tx: Tx, names: Sequence[str]) -> set[str]:
    """Which of these the vault of any site holds whole."""
    query = select(blob_piece.c.sha256).where(_FIRST, blob_piece.c.sha256.in_(list(names)))
    return set((await tx.scalars(query)).all())


async def add_piece(tx: Tx, site_id: int, sha256: str, number: int, pieces: int, content: bytes) -> None:
    """One of ``pieces``; the same again changes nothing."""
    row = {"site_id": site_id, "sha256": sha256, "number": number, "pieces": pieces, "content": content}
    await tx.execute(
        insert(tx, blob_piece).values(row).on_conflict_do_nothing(index_elements=["site_id", "sha256", "number"])
    )


async def find_piece(tx: Tx, site_id: int, sha256: str, number: int) -> tuple[int, bytes] | None:
    """How many pieces there are, and this one's bytes."""
    query = select(blob_piece.c.pieces, blob_piece.c.content).where(
        blob_piece.c.site_id == site_id, blob_piece.c.sha256 == sha256, blob_piece.c.number == number
    )
    row = (await tx.execute(query)).first()
    return (row[0], row[1]) if row else None


async def forget_blob(tx: Tx, site_id: int, sha256: str) -> None:
    """The site's vault no longer holds it."""
    await tx.execute(delete(blob_piece).where(blob_piece.c.site_id == site_id, blob_piece.c.sha256 == sha256))
