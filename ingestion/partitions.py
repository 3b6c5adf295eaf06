"""Monthly partitions of the raw tables: which one a row belongs to, and making those that are missing.

Not here: retention. Partitions are made in transactions of their own, so that a long load holds no lock on the parent.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl
import psycopg
from psycopg import sql

from ingestion.contract import Contract


def leaf_name(contract: Contract, month: str) -> str:
    """The partition of a month "2026-01": usage_records_2026_01."""
    return f"{contract.feed}_{month.replace('-', '_')}"


def split_by_leaf(frame: pl.DataFrame, contract: Contract) -> Iterator[tuple[str, str | None, pl.DataFrame]]:
    """The frame's rows by the table that holds them: (table, month or None, rows)."""
    if contract.partition_by is None:
        yield contract.feed, None, frame
        return
    months = frame[contract.partition_by.column].dt.strftime("%Y-%m")
    distinct = months.unique().sort().to_list()
    for month in distinct:
        rows = frame if len(distinct) == 1 else frame.filter(months == month)
        yield leaf_name(contract, month), month, rows


class PartitionMaker:
    """Makes a feed's monthly partitions as they are needed, each once."""

    def __init__(self, contract: Contract, warehouse_url: str) -> None:
        self._contract = contract
        self._url = warehouse_url
        self._made: set[str] = set()

    def ensure(self, month: str) -> None:
        """Makes the partition of a month "2026-01" (UTC) if it is missing.

        Built aside and attached: that leaves readers and writers of the parent alone.
        """
        if month in self._made:
            return
        leaf = sql.Identifier("raw", leaf_name(self._contract, month))
        parent = sql.Identifier("raw", self._contract.feed)
        start = f"{month}-01T00:00:00Z"
        with psycopg.connect(self._url, autocommit=True) as connection, connection.transaction():
            connection.execute("select pg_advisory_xact_lock(hashtextextended(%s, 1))", [self._contract.feed])
            found = connection.execute("select to_regclass(%s)", [f"raw.{leaf_name(self._contract, month)}"]).fetchone()
            if found and found[0] is None:
                connection.execute("set local timezone to 'UTC'")
                connection.execute(sql.SQL("create table {} (like {} including all)").format(leaf, parent))
                connection.execute(
                    sql.SQL(
                        "alter table {} attach partition {}"
                        " for values from ({}) to ({}::timestamptz + interval '1 month')"
                    ).format(parent, leaf, sql.Literal(start), sql.Literal(start))
                )
        self._made.add(month)
