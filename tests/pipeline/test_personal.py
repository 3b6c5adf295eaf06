"""Personal values stand in the three `_pii` dimensions only: by the columns' names, by lineage, and by the values."""

import psycopg
import pytest

from ingestion.contract import contracts
from orchestration.dbt_runner import parse_project

SCHEMAS = ("core", "dashboards", "analytics")
PII = {"dim_customer_pii", "dim_service_pii", "dim_device_pii"}
# Shorter values cannot be told from codes and counts.
SHORTEST = 5


def personal_columns() -> dict[str, set[str]]:
    """Per name of a personal column the feeds in which it is personal."""
    found: dict[str, set[str]] = {}
    for feed in contracts().values():
        for column in feed.personal_columns:
            found.setdefault(column.name, set()).add(feed.feed)
    return found


def shared_names() -> set[str]:
    """Names of personal columns that some other feed uses for something that is not about a person."""
    plain = {
        column.name for feed in contracts().values() for column in feed.columns if column not in feed.personal_columns
    }
    return plain & personal_columns().keys()


@pytest.fixture(scope="module")
def manifest(built_warehouse):
    database = built_warehouse.url.rpartition("/")[2]
    return parse_project(built_warehouse.settings.warehouse_folder / "dbt", database).manifest()


def test_no_personal_name_outside_the_pii_dimensions(built_warehouse, manifest):
    columns = built_warehouse.ask(
        "select n.nspname, c.relname, a.attname from pg_attribute a join pg_class c on c.oid = a.attrelid"
        " join pg_namespace n on n.oid = c.relnamespace"
        " where n.nspname = any(%s) and c.relkind in ('r', 'p', 'v', 'm') and a.attnum > 0 and not a.attisdropped",
        list(SCHEMAS),
    )
    assert len({table for _, table, _ in columns}) > 30
    names, shared = personal_columns(), shared_names()
    assert {"first_name", "email", "phone", "imei", "service_number", "postal_code"} <= names.keys() - shared
    held = {(schema, table, column) for schema, table, column in columns if column in names and table not in PII}
    assert {row for row in held if row[2] not in shared} == set()
    # A name that is harmless elsewhere may stand where no feed in which it is personal is read.
    for schema, table, column in held:
        model = manifest["nodes"].get(f"model.telecom.{table}")
        assert model is not None, f"{schema}.{table}.{column}"
        read = _feeds_read(manifest, model["unique_id"])
        assert not read & names[column], f"{schema}.{table}.{column} from {read & names[column]}"
    found = {table: {c for _, t, c in columns if t == table} & names.keys() for table in PII}
    assert found["dim_customer_pii"] >= {"first_name", "last_name", "email", "phone", "date_of_birth"}
    assert found["dim_device_pii"] == {"imei", "mac_address", "serial_number"}


def _feeds_read(manifest: dict, unique_id: str) -> set[str]:
    """The feeds whose staging a model reads itself or through helper models, not through other dimensions and facts."""
    read, waiting = set(), list(manifest["nodes"][unique_id]["depends_on"]["nodes"])
    while waiting:
        parent = waiting.pop()
        if parent.startswith("source.telecom.raw."):
            read.add(parent.rpartition(".")[2])
        node = manifest["nodes"].get(parent, {})
        if node.get("schema") in ("staging", "intermediate") or node.get("config", {}).get("materialized") == "view":
            waiting += node["depends_on"]["nodes"]
    return read


def test_nothing_stands_on_a_pii_dimension(manifest):
    wrong = [
        f"{node['name']} reads {parent}"
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model"
        for parent in node["depends_on"]["nodes"]
        if parent.rpartition(".")[2] in PII
    ]
    assert wrong == []


def _values(connection: psycopg.Connection) -> int:
    """Every personal value of raw that is long enough to be told from a code or a number."""
    connection.execute("create temporary table personal_value (value text)")
    for feed in contracts().values():
        for column in feed.personal_columns:
            # Days of birth are days: other dates fall on them.
            if column.type == "date":
                continue
            connection.execute(
                f"insert into personal_value select distinct {column.name}::text from raw.{feed.feed}"
                f" where length({column.name}::text) >= {SHORTEST}"
            )
    # What a feed says openly of places and things is no secret: a city's name may be somebody's surname.
    for feed in contracts().values():
        for column in feed.columns:
            if column not in feed.personal_columns and column.type in ("text", "enum", "numeric", "bigint"):
                connection.execute(
                    "delete from personal_value where value in"
                    f" (select {column.name}::text from raw.{feed.feed} where {column.name} is not null)"
                )
    connection.execute("analyze personal_value")
    return connection.execute("select count(distinct value) from personal_value").fetchone()[0]


def test_no_personal_value_outside_the_pii_dimensions(built_warehouse):
    with psycopg.connect(built_warehouse.url) as connection:
        assert _values(connection) > 500
        columns = connection.execute(
            "select n.nspname, c.relname, a.attname from pg_attribute a join pg_class c on c.oid = a.attrelid"
            " join pg_namespace n on n.oid = c.relnamespace where n.nspname = any(%s) and c.relkind in ('r', 'p', 'v')"
            " and a.attnum > 0 and not a.attisdropped"
            " and a.atttypid in ('text'::regtype, 'numeric'::regtype)",
            [list(SCHEMAS)],
        ).fetchall()
        held: dict[str, int] = {}
        for schema, table, column in columns:
            count = connection.execute(
                f"select count(*) from {schema}.{table} where {column}::text in (select value from personal_value)"
            ).fetchone()[0]
            held[f"{table}.{column}"] = count
    outside = {name: count for name, count in held.items() if count and name.split(".")[0] not in PII}
    assert outside == {}
    for name in ("dim_customer_pii.email", "dim_customer_pii.phone", "dim_service_pii.service_number",
                 "dim_device_pii.imei"):  # fmt: skip
        assert held[name] > 50, name
