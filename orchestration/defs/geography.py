"""The Python assets of geography and topology: read core, call the mathematics, write the result.

Not here: the mathematics (orchestration.analytics), the tables' contracts (dbt's sources of schema analytics).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import dagster as dg
import psycopg

from orchestration.access.audit import begin_run
from orchestration.analytics.coverage import MODEL_VERSION as COVERAGE_VERSION
from orchestration.analytics.coverage_history import COLUMNS as COVERAGE_COLUMNS
from orchestration.analytics.coverage_history import Block, ElementVersion, History, ServiceVersion, Zone, coverage_rows
from orchestration.analytics.topology import MODEL_VERSION as TOPOLOGY_VERSION
from orchestration.analytics.topology import Element, Link, Risk, served_by, topology_risks
from orchestration.defs.replacing import replace_rows
from orchestration.defs.resources import WarehouseResource

GROUP = "analytics"
UNKNOWN_ID = "00000000-0000-0000-0000-000000000000"
TOPOLOGY_COLUMNS = (
    "entity_type", "entity_id", "provider_id", "zone_id", "entity_kind", "has_path_to_core",
    "is_single_point_of_failure", "elements_cut_off_count", "elements_911_cut_off_count", "services_cut_off_count",
    "customers_cut_off_count", "redundant_path_count", "as_of_at", "model_version",
)  # fmt: skip

_ZONES = f"""
    select zone_id::text, provider_id::text, time_zone, boundary::text from core.dim_service_zone
    where zone_id <> '{UNKNOWN_ID}' order by 1"""
_BLOCKS = """
    select zone_id::text, block_geoid, tract_geoid, location[0], location[1], households
    from core.dim_census_block order by 1, 2"""
# Infinite ends become infinite numbers.
_ELEMENTS = f"""
    select element_id::text, provider_id::text, zone_id::text, operational_status, installed_on, location[0],
        location[1], coverage_radius_km::float8, coverage_area::text, extract(epoch from valid_from)::float8,
        extract(epoch from valid_to)::float8
    from core.dim_network_element where element_id <> '{UNKNOWN_ID}' order by element_id, valid_from"""
_SERVICES = f"""
    select service.zone_id::text, service.customer_id::text, service.service_status,
        extract(epoch from service.activated_at)::float8, extract(epoch from service.deactivated_at)::float8,
        (coalesce(place.location, customer.location))[0], (coalesce(place.location, customer.location))[1],
        extract(epoch from service.valid_from)::float8, extract(epoch from service.valid_to)::float8
    from core.dim_service as service
    left join core.dim_service_pii as place using (service_id)
    left join core.dim_customer_pii as customer on customer.customer_id = service.customer_id
    where service.service_id <> '{UNKNOWN_ID}' order by service.service_id, service.valid_from"""

_GRAPH_ELEMENTS = f"""
    select element_id::text, provider_id, zone_id, element_type, operational_status, coalesce(serves_911, false),
        parent_element_id::text
    from core.dim_network_element
    where element_id <> '{UNKNOWN_ID}' and valid_from <= %(as_of)s and valid_to > %(as_of)s
        and operational_status not in ('planned', 'retired')
        and coalesce(installed_on <= ((%(as_of)s::timestamptz - interval '1 microsecond') at time zone time_zone)::date,
            true)
    order by 1"""
_GRAPH_LINKS = """
    select link_id::text, provider_id, zone_id, link_type, link_status, source_element_id::text, target_element_id::text
    from core.dim_network_link where link_status <> 'retired' order by 1"""
_SERVED = f"""
    select serving_element_id::text, service_id::text, customer_id::text from core.dim_service
    where service_id <> '{UNKNOWN_ID}' and serving_element_id is not null
        and valid_from <= %(as_of)s and valid_to > %(as_of)s and activated_at <= %(as_of)s
        and coalesce(deactivated_at, 'infinity') > %(as_of)s and service_status <> 'suspended'"""


@dg.asset(
    key=["analytics", "zone_coverage"],
    group_name=GROUP,
    kinds={"python", "postgres"},
    deps=[["core", name] for name in ("dim_service_zone", "dim_census_block", "dim_network_element", "dim_service",
                                      "dim_service_pii", "dim_customer_pii")],
)  # fmt: skip
def zone_coverage(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> dg.MaterializeResult:
    """One row per zone, provider and day (24 month ends and AS_OF): area, blocks and customers covered, overlap."""
    with psycopg.connect(warehouse.url) as connection:
        begin_run(connection, context.run.run_id)
        return dg.MaterializeResult(metadata=fill_zone_coverage(connection, warehouse.as_of(dict(context.run.tags))))


@dg.asset(
    key=["analytics", "topology_risk"],
    group_name=GROUP,
    kinds={"python", "postgres"},
    deps=[["core", "dim_network_element"], ["core", "dim_network_link"], ["core", "dim_service"]],
)
def topology_risk(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> dg.MaterializeResult:
    """One row per element and link: what loses its path to the core if it fails, who is behind it, ways besides."""
    with psycopg.connect(warehouse.url) as connection:
        begin_run(connection, context.run.run_id)
        return dg.MaterializeResult(metadata=fill_topology_risk(connection, warehouse.as_of(dict(context.run.tags))))


def fill_zone_coverage(connection: psycopg.Connection, as_of: datetime) -> dict[str, int]:
    """Computes the table anew; returns how many rows it has, and how many were changed and removed."""
    history = History(
        [Zone(*row) for row in connection.execute(_ZONES.encode())],
        [Block(*row) for row in connection.execute(_BLOCKS)],
        [ElementVersion(*row) for row in connection.execute(_ELEMENTS.encode())],
        [ServiceVersion(*row) for row in connection.execute(_SERVICES.encode())],
    )
    rows = [[*row, as_of, COVERAGE_VERSION] for row in coverage_rows(history, as_of)]
    columns = (*COVERAGE_COLUMNS, "as_of_at", "model_version")
    changed, removed = replace_rows(connection, "analytics.zone_coverage", columns, rows)
    return {"rows": len(rows), "rows_changed": changed, "rows_removed": removed}


def fill_topology_risk(connection: psycopg.Connection, as_of: datetime) -> dict[str, int]:
    """The same for the risks."""
    rows = topology_rows(connection, as_of)
    changed, removed = replace_rows(connection, "analytics.topology_risk", TOPOLOGY_COLUMNS, rows)
    return {"rows": len(rows), "rows_changed": changed, "rows_removed": removed}


@dataclass(frozen=True)
class KnownNetwork:
    """Rows of the elements and links that stand at AS_OF, and what the failure of each that works does."""

    elements: list[tuple[Any, ...]]
    links: list[tuple[Any, ...]]
    risks: list[Risk]


def read_network(connection: psycopg.Connection, as_of: datetime) -> KnownNetwork:
    """What stands at AS_OF; what has failed carries nothing."""
    elements = connection.execute(_GRAPH_ELEMENTS.encode(), {"as_of": as_of}).fetchall()
    links = connection.execute(_GRAPH_LINKS).fetchall()
    working = [Element(row[0], row[3] == "core", row[5], row[6]) for row in elements if row[4] != "failed"]
    risks = topology_risks(working, [Link(row[0], row[5], row[6]) for row in links if row[4] != "failed"])
    return KnownNetwork(elements, links, risks)


def topology_rows(connection: psycopg.Connection, as_of: datetime) -> list[list[object]]:
    """The rows in the order of TOPOLOGY_COLUMNS."""
    network = read_network(connection, as_of)
    elements, links = network.elements, network.links
    services: dict[str, set[str]] = {}
    customers: dict[str, set[str]] = {}
    for element_id, service_id, customer_id in connection.execute(_SERVED.encode(), {"as_of": as_of}):
        services.setdefault(element_id, set()).add(service_id)
        customers.setdefault(element_id, set()).add(customer_id)
    found = {(risk.kind, risk.entity_id): risk for risk in network.risks}
    rows: list[list[object]] = []
    for kind, entity in [*(("element", row) for row in elements), *(("link", row) for row in links)]:
        entity_id, provider_id, zone_id, entity_kind = entity[:4]
        risk = found.get((kind, entity_id))
        figures: list[object] = [False, None, None, None, None, None, None]
        if risk is not None and risk.has_path_to_core:
            hit = risk.elements_cut_off | ({entity_id} if kind == "element" else set())
            counts = [len(risk.elements_cut_off), len(risk.elements_911_cut_off), len(served_by(hit, services)),
                      len(served_by(hit, customers)), risk.redundant_path_count]  # fmt: skip
            figures = [True, bool(risk.elements_cut_off), *counts]
        rows.append([kind, entity_id, provider_id, zone_id, entity_kind, *figures, as_of, TOPOLOGY_VERSION])
    return rows
