"""Tags say which columns hold something of a person: held against rights, names and values, in every layer."""

import re
from urllib.parse import urlsplit

import psycopg
import pytest

from ingestion.contract import contracts
from orchestration.access.rules import read_rules
from orchestration.dbt_runner import parse_project

RULES = read_rules()
SERVED = ("reference", "core", "dashboards", "analytics", "regulatory", "quality", "access", "audit")
LANDED = ("raw", "staging", "intermediate")
TELL_TALE = re.compile(
    r"(first|last|company|full|maiden)_name|surname|e_?mail|phone|msisdn|imei|imsi|iccid|mac_address|serial_number|street|"
    r"birth|postal|zip_?code|passport|ssn|latitude|longitude|location$|service_number|_hmac$|_initial$|block_geoid|bdc_location"
)  # fmt: skip
# They speak of places and of the operator's own things, which no customer's row is.
OF_THINGS = {
    "dim_network_element", "dim_network_element_current", "dim_serviceable_location", "dim_census_block",
    "census_block_deployment",
}  # fmt: skip
FEEDS_OF_THINGS = {"census_blocks", "network_elements", "serviceable_locations"}
# Open to data engineers as landed; in core they are tagged, in dim_service_pii.
PLACES_OF_SERVICES = {("customer_services", name) for name in ("block_geoid", "bdc_location_id", "service_postal_code")}
# What no other text is likely to hold by chance.
DISTINCT = ("email", "phone", "imei", "mac_address", "service_number", "serial_number")
COLUMNS = """
    select nspname, relname, attname, relkind::text, relispartition from pg_attribute a
    join pg_class c on c.oid = attrelid join pg_namespace n on n.oid = relnamespace
    where nspname = any(%s) and relkind in ('r', 'p', 'v', 'm') and attnum > 0 and not attisdropped
"""


@pytest.fixture(scope="module")
def tags(built_warehouse) -> dict[tuple[str, str], str]:
    """(schema.table, column) to its tag, as the models' yml says."""
    project = parse_project(built_warehouse.settings.warehouse_folder / "dbt", built_warehouse.url.rpartition("/")[2])
    return {
        (f"{node['schema']}.{node['name']}", column["name"]): column["config"]["meta"]["pii"]
        for node in project.manifest()["nodes"].values()
        if node["resource_type"] == "model"
        for column in node["columns"].values()
        if column["config"].get("meta", {}).get("pii")
    }


@pytest.fixture(scope="module")
def columns(built_warehouse) -> list[tuple]:
    return built_warehouse.ask(COLUMNS, [*SERVED, *LANDED])


def test_the_database_holds_the_tags(built_warehouse, tags):
    found = built_warehouse.ask("select table_name, column_name, form from access.personal_columns")
    assert {(table, column): form for table, column, form in found} == tags
    assert set(tags.values()) == {"clear", "masked"}


def test_clear_columns_stand_in_few_tables_and_are_open_to_few(built_warehouse, tags):
    clear = {key for key, tag in tags.items() if tag == "clear"}
    assert {table for table, _ in clear} == {
        "core.dim_customer_pii", "core.dim_service_pii", "core.dim_service_place", "core.dim_device_pii",
    }  # fmt: skip
    may_read = "select has_column_privilege(%s, %s, %s, 'SELECT')"
    classes = {table: name for name, tables in RULES.classes.items() for table in tables}
    for role in RULES.roles.values():
        readable = {
            (table, column) for table, column in clear
            if built_warehouse.ask(may_read, role.name, table, column) == [(True,)]
        }  # fmt: skip
        assert readable == {(table, column) for table, column in clear if classes[table] in role.reads}, role.name


def test_landed_layers_are_open_to_data_engineers_only(built_warehouse, columns):
    relations = sorted({f"{schema}.{table}" for schema, table, *_ in columns if schema in LANDED})
    assert len(relations) > 100
    found = built_warehouse.ask(
        "select distinct role, relation from unnest(%s::text[]) role, unnest(%s::text[]) relation"
        " where has_any_column_privilege(role, relation, 'SELECT') and role <> 'data_engineer'",
        list(RULES.roles), relations,
    )  # fmt: skip
    assert found == []


def test_a_tell_tale_name_is_tagged(columns, tags):
    personal = {feed.feed: {column.name for column in feed.personal_columns} for feed in contracts().values()}
    seen = 0
    for schema, table, column, *_ in columns:
        if not TELL_TALE.search(column):
            continue
        seen += 1
        # A partition's columns are its table's; a view's are those of the table behind it.
        whole = re.sub(r"_(\d{4}_\d\d(_\d\d)?|default)$", "", table)
        if schema in SERVED:
            name = f"{schema}.{whole.removesuffix('_current')}"
            assert table in OF_THINGS or (name, column) in tags, f"{schema}.{table}.{column}"
        elif not column.endswith("_hmac"):
            feed = whole.removeprefix("stg_").removesuffix("_versions")
            is_known = feed in FEEDS_OF_THINGS or (feed, column) in PLACES_OF_SERVICES
            assert is_known or column in personal.get(feed, ()), f"{schema}.{table}.{column}"
    assert seen > 100
    masked = {column for (_, column), tag in tags.items() if tag == "masked"}
    assert {"first_name_initial", "birth_year", "email_hmac", "postal_area", "type_allocation_code"} <= masked


@pytest.fixture(scope="module")
def distinct_values(built_warehouse) -> set[str]:
    """E-mail addresses, numbers and devices of everybody in the landed files."""
    found: set[str] = set()
    for feed in contracts().values():
        for column in feed.personal_columns:
            if column.name in DISTINCT:
                rows = built_warehouse.ask(f"select distinct {column.name}::text from raw.{feed.feed}")
                found |= {value.strip().lower() for (value,) in rows if value and len(value) >= 8}
    assert len(found) > 500
    return found


def held(text: str, values: set[str]) -> set[str]:
    """Which of the values stand in the text as words of their own."""
    return set(re.findall(r"[\w.@+:\-]{8,}", text.lower())) & values


def test_no_value_stands_in_a_served_relation_beside_the_clear_ones(built_warehouse, columns, distinct_values, tags):
    clear = {table for (table, _), tag in tags.items() if tag == "clear"}
    relations = sorted({f"{schema}.{table}" for schema, table, *_ in columns if schema in SERVED})
    assert len(relations) > 150
    with psycopg.connect(built_warehouse.url, autocommit=True) as administrator:
        administrator.execute("set role none")
        for relation in relations:
            found: set[str] = set()
            cursor = administrator.execute(f"select to_jsonb(r)::text from {relation} r")
            while rows := cursor.fetchmany(2000):
                found |= held(" ".join(row[0] for row in rows), distinct_values)
            # Of a service's places there are no numbers, only where it was.
            assert bool(found) == (relation in clear - {"core.dim_service_place"}), (relation, len(found))


def test_no_value_and_no_secret_stands_in_run_metadata_or_a_log(built_warehouse, postgres_server, distinct_values):
    secrets = {built_warehouse.settings.pii_key_file.read_bytes().hex(), urlsplit(built_warehouse.url).password}
    assert all(secret and len(secret) >= 32 for secret in secrets)
    with psycopg.connect(postgres_server.url("dagster")) as storage:
        tables = storage.execute("select tablename from pg_tables where schemaname = 'public'").fetchall()
        assert len(tables) > 10
        for (table,) in tables:
            for (row,) in storage.execute(f'select to_jsonb(r)::text from "{table}" r'):
                assert held(row, distinct_values | secrets) == set(), table
    files = [postgres_server.log_file, *built_warehouse.settings.warehouse_folder.rglob("*")]
    texts = [
        path for path in files if path.is_file() and path.suffix in (".log", ".json", ".yml", ".sql", ".txt", ".html")
    ]
    assert len(texts) > 100
    for path in texts:
        assert held(path.read_text(errors="replace"), distinct_values | secrets) == set(), path
