"""Runs migrations on the connection that ``wherefrom.db.migrate`` hands over."""

from typing import Any

from alembic import context

import wherefrom.accounts.tables
import wherefrom.archive.tables
import wherefrom.contacts.tables
import wherefrom.events.tables
import wherefrom.grants.tables
import wherefrom.inbox.tables
import wherefrom.outbound.tables
import wherefrom.reports.tables
import wherefrom.sites.tables
import wherefrom.substitution.tables
import wherefrom.tracking.tables
import wherefrom.visits.tables
import wherefrom.webhooks.tables  # noqa: F401
from wherefrom.db import Json, Moment, metadata
from wherefrom.db.partial_index import spell_out


def render_item(kind: str, item: Any, _autogen: Any) -> Any:
    """Migrations name the stored types: they must run the same when the Python types have changed."""
    if kind == "type" and isinstance(item, Moment):
        return "sa.BigInteger()"
    if kind == "type" and isinstance(item, Json):
        return "sa.Text()"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=spell_out(metadata),
    render_item=render_item,
    transactional_ddl=True,
)
context.run_migrations()
