"""What counts as naming the site, and what does not."""

from typing import Any

import pytest
from sqlalchemy import (
    BigInteger,
    Column,
    MetaData,
    Table,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    true,
    tuple_,
    union_all,
    update,
    values,
)

from tests.support.tenancy import find_unbound
from wherefrom.db.keys import any_of


def _table(name: str, *keys: str) -> Table:
    columns = [Column(key, BigInteger, primary_key=True) for key in keys]
    return Table(name, MetaData(), *columns, Column("other_id", BigInteger), Column("value", BigInteger))


visit, page = _table("visit", "site_id", "id"), _table("page", "site_id", "id")
site, login = _table("site", "id"), _table("login", "id")
on = (page.c.site_id == visit.c.site_id) & (page.c.other_id == visit.c.id)
mine = visit.c.site_id == 1
twin = visit.alias("twin")
keys = values(Column("site_id", BigInteger), Column("id", BigInteger), name="keys").data([(1, 2)])
handed = func.json_each(bindparam("asked")).table_valued("value", name="handed")
of_visit = select(page.c.value).where(on)
lasting = select(page.c.site_id, func.max(page.c.id).label("id")).where(page.c.site_id == 1).subquery()
all_pages = select(page.c.site_id, page.c.other_id).subquery()

BOUND: dict[str, Any] = {
    "a value": select(visit).where(mine),
    "a parameter": select(visit).where(visit.c.site_id == bindparam("site")),
    "written the other way round": select(visit).where(literal(1) == visit.c.site_id),
    "a list of sites": select(visit).where(visit.c.site_id.in_([1, 2])),
    "by pairs": select(visit).where(any_of(visit.c.site_id, visit.c.id, [(1, 2), (3, 4)])),
    "by no pair at all": select(visit).where(any_of(visit.c.site_id, visit.c.id, [])),
    "a join on the site": select(visit).join(page, on).where(mine),
    "the other one of a join is named": select(visit).join(page, on).where(page.c.site_id == 1),
    "an outer join on the site": select(visit).outerjoin(page, on).where(mine),
    "an outer join that names it": select(visit).outerjoin(page, page.c.site_id == 1).where(mine),
    "a join in the WHERE": select(visit, page).where(on, mine),
    "an alias": select(twin).where(twin.c.site_id == 1),
    "over the site's own row": select(visit).join(site, site.c.id == visit.c.site_id).where(site.c.id == 1),
    "both sides of an or": select(visit).where(or_(mine & (visit.c.id == 1), mine & (visit.c.id == 2))),
    "an and in an and": select(visit).where(and_(visit.c.id == 1, and_(visit.c.value == 2, mine))),
    "values that were handed in as JSON": select(visit).where(visit.c.site_id == handed.c.value),
    "rows that were handed in": select(visit).join(keys, (keys.c.site_id == visit.c.site_id)),
    "nested and correlated": select(visit).where(mine, exists(of_visit)),
    "nested in the columns": select(visit.c.id, of_visit.scalar_subquery()).where(mine),
    "a subquery that names it": select(visit).join(lasting, lasting.c.site_id == visit.c.site_id),
    "lateral": select(visit).join(of_visit.lateral(), true()).where(mine),
    "pairs from a query that names it": delete(visit).where(
        tuple_(visit.c.site_id, visit.c.id).in_(select(page.c.site_id, page.c.other_id).where(page.c.site_id == 1))
    ),
    "an update": update(visit).where(mine).values(value=1),
    "an update by another table": update(visit).where(on, page.c.site_id == 1).values(value=1),
    "a delete": delete(visit).where(mine),
    "a row that is added": insert(visit).values(site_id=1, id=2),
    "rows that are added from others": insert(visit).from_select(
        ["site_id", "id"], select(page).where(page.c.site_id == 1)
    ),
    "a union": union_all(select(visit.c.id).where(mine), select(page.c.id).where(page.c.site_id == 1)),
    "a table of nobody's": select(login).where(login.c.id == 1),
}  # fmt: skip

UNBOUND: dict[str, tuple[Any, list[str]]] = {
    "nothing": (select(visit), ["visit"]),
    "its id alone": (select(visit).where(visit.c.id == 1), ["visit"]),
    "one side of an or": (select(visit).where(or_(mine, visit.c.id == 1)), ["visit"]),
    "a join on the id alone": (select(visit).join(page, page.c.other_id == visit.c.id).where(mine), ["page"]),
    "a join on the site that nobody names": (select(visit).join(page, on), ["page", "visit"]),
    "the ON of an outer join restricts the right alone": (
        select(visit).outerjoin(page, on & (visit.c.site_id == 1)), ["page", "visit"],
    ),
    "another site": (select(visit).where(visit.c.site_id != 1), ["visit"]),
    "later sites": (select(visit).where(visit.c.site_id > 1), ["visit"]),
    "another column": (select(visit).where(visit.c.site_id == visit.c.value), ["visit"]),
    "itself": (select(visit).where(visit.c.site_id == visit.c.site_id), ["visit"]),
    "not this site": (select(visit).where(~mine), ["visit"]),
    "all sites' rows": (select(visit).join(site, site.c.id == visit.c.site_id), ["visit"]),
    "an alias beside it": (select(visit, twin).where(mine), ["visit"]),
    "nested and not correlated by site": (
        select(visit).where(mine, exists(select(page.c.id).where(page.c.other_id == visit.c.id))), ["page"],
    ),
    "nested in the columns": (
        select(visit.c.id, select(func.count(page.c.id)).scalar_subquery()).where(mine), ["page"],
    ),
    "a subquery over all": (
        select(visit).join(all_pages, all_pages.c.site_id == visit.c.site_id).where(mine), ["page"],
    ),
    "a CTE over all": (select(select(visit.c.site_id).cte("every")), ["visit"]),
    "one half of a union": (union_all(select(visit.c.id).where(mine), select(page.c.id)), ["page"]),
    "an update": (update(visit).where(visit.c.id == 1).values(value=1), ["visit"]),
    "an update whose value is of any site": (
        update(visit).where(mine).values(value=select(page.c.value).where(page.c.id == 1).scalar_subquery()), ["page"],
    ),
    "a delete": (delete(visit), ["visit"]),
    "an update of rows of the same table that were found without it": (
        update(visit).where(tuple_(visit.c.site_id, visit.c.id).in_(select(visit.c.site_id, visit.c.id))), ["visit"],
    ),
    "rows that are added from all": (insert(visit).from_select(["site_id", "id"], select(page)), ["page"]),
}  # fmt: skip


@pytest.mark.parametrize("name", BOUND)
def test_the_site_is_named_by(name: str) -> None:
    assert find_unbound(BOUND[name]) == []


@pytest.mark.parametrize("name", UNBOUND)
def test_the_site_is_not_named_by(name: str) -> None:
    statement, tables = UNBOUND[name]
    assert find_unbound(statement) == tables
