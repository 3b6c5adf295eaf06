"""Capacity planning in the warehouse: histories by other code, rows, planned equipment, function, a second run."""

import psycopg
import pytest

from orchestration.analytics.capacity.outlook import month_after
from orchestration.defs.capacity import evaluate, fill_capacity_forecasts
from orchestration.defs.capacity_inputs import read_inputs, read_parameters
from tests.pipeline.people import People
from tests.second_road import capacity
from tests.second_road.world import read_world

TABLE = "analytics.capacity_forecasts"


def inputs_of(connection, warehouse):
    settings = warehouse.settings
    return read_inputs(connection, settings.as_of, settings.reporting_time_zone, read_parameters(connection))


def fill(connection, warehouse):
    return fill_capacity_forecasts(connection, warehouse.settings.as_of, warehouse.settings.reporting_time_zone)


@pytest.fixture(scope="module")
def inputs(built_warehouse):
    with psycopg.connect(built_warehouse.url) as connection:
        return inputs_of(connection, built_warehouse)


@pytest.fixture(scope="module")
def world(built_warehouse):
    settings = built_warehouse.settings
    return read_world(settings.landing_dir, settings.as_of, settings.reporting_time_zone)


def test_histories_are_what_the_files_say(inputs, world):
    now = {version.element_id for version in inputs.network.now}
    found = inputs.histories
    expected = {**capacity.subscribers(world), **capacity.traffic(world)}
    expected = {key: history for key, history in expected.items() if key[0] == "zone" or key[1] in now}
    assert found.keys() == expected.keys()
    assert len(found) > 100
    for key, history in expected.items():
        assert found[key] == pytest.approx(history, rel=1e-9), key
    assert all(month < inputs.months[0] for history in found.values() for month in history)


def test_every_month_of_every_measure_is_a_row(built_warehouse, inputs):
    counts = built_warehouse.ask(
        f"select entity_type, measure, count(distinct entity_id), count(*), min(planning_period), max(planning_period)"
        f" from {TABLE} group by 1, 2"
    )
    zones, leaves = len(inputs.network.zones), len(inputs.network.now)
    first, last = inputs.months[0], inputs.months[-1]
    assert sorted(counts) == [
        ("element", "busy_hour_mbps_down", leaves, 12 * leaves, first, last),
        ("element", "busy_hour_mbps_up", leaves, 12 * leaves, first, last),
        ("zone", "busy_hour_mbps_down", zones, 12 * zones, first, last),
        ("zone", "busy_hour_mbps_up", zones, 12 * zones, first, last),
        ("zone", "subscribers", zones, 12 * zones, first, last),
    ]
    wrong = built_warehouse.ask(
        f"""select entity_id, measure, planning_period from {TABLE}
        where not (lower_95 <= lower_80 and lower_80 <= projected_demand and projected_demand <= upper_80
                and upper_80 <= upper_95 and lower_95 >= 0 and exceedance_probability between 0 and 1)
            or (current_capacity is null) <> (capacity_gap is null)
            or abs(capacity_gap - (projected_demand - current_capacity)) > 1e-6
            or (capacity_gap > 0 and implementation_priority in ('critical', 'high', 'medium'))
                <> (jsonb_array_length(recommended_actions) > 0 and closing_element_id is null)
            or (capacity_gap <= 0 and estimated_cost <> 0)
            or (exceedance_probability > 0.5001 and capacity_gap < -1e-6)
            or exhaustion_month_date < earliest_exhaustion_month_date
            or is_binding <> (measure is not distinct from binding_measure)"""
    )
    assert wrong == []
    assert built_warehouse.ask(
        f"select bool_and(exhaustion_month_date = first), count(first) > 0 from (select exhaustion_month_date,"
        f" min(planning_period) filter (where capacity_gap > 0) over (partition by entity_id, measure) as first"
        f" from {TABLE}) as found where first is not null or exhaustion_month_date is not null"
    ) == [(True, True)]  # fmt: skip


def test_current_demand_and_capacity_are_the_files(built_warehouse, world, inputs):
    last = month_after(inputs.months[0], -1)
    expected = capacity.subscribers(world)
    for zone_id, before, limit, source in built_warehouse.ask(
        f"select distinct entity_id::text, current_demand, current_capacity, capacity_source from {TABLE}"
        " where measure = 'subscribers'"
    ):
        assert before == expected["zone", zone_id, "subscribers"].get(last)
        assert (limit, source) == (world.zones[zone_id]["capacity_subscribers"], "zone")
    leaves = {version.element_id for version in inputs.network.now}
    assert leaves == {
        id_
        for id_ in capacity.leaf_ids(world)
        if world.elements[id_]["operational_status"] not in ("planned", "retired")
    }
    for zone_id, limit in built_warehouse.ask(
        f"select entity_id::text, current_capacity from {TABLE} where entity_type = 'zone' and months_ahead = 1"
        " and measure = 'busy_hour_mbps_up'"
    ):
        own = [float(world.elements[id_]["capacity_uplink_mbps"]) for id_ in leaves
               if world.elements[id_]["zone_id"] == zone_id]  # fmt: skip
        assert limit == sum(own)


def test_cells_that_fill_are_found(built_warehouse):
    """The sample lets a tenth of the elements fill to about 90 %: these are short next month, others are not."""
    rows = built_warehouse.ask(
        f"select current_demand / current_capacity, exceedance_probability from {TABLE}"
        " where measure = 'busy_hour_mbps_down' and entity_type = 'element' and months_ahead = 1"
    )
    full = [chance for used, chance in rows if used >= 0.95]
    easy = [chance for used, chance in rows if used < 0.6]
    assert len(full) >= 3
    assert len(easy) > 30
    assert min(full) > 0.3
    assert max(easy) < 0.01


def test_three_months_are_too_few_and_say_so(built_warehouse):
    assert built_warehouse.ask(
        f"select distinct is_prior, forecast_method, fallback_reason, interval_method from {TABLE}"
        " where history_months_count = 3"
    ) == [(True, "prior", "3 months of history, fewer than 6", "prior")]
    assert built_warehouse.ask(
        f"select count(*) from {TABLE} where is_prior and months_ahead = 2 and current_demand is not null"
        " and abs(projected_demand - current_demand * 1.05 ^ 2) > 1e-6"
    ) == [(0,)]


def test_a_run_with_nothing_new_changes_no_row_and_fits_nothing(built_warehouse):
    with psycopg.connect(built_warehouse.url) as connection:
        before = connection.execute(f"select entity_id, measure, planning_period, xmin::text from {TABLE}").fetchall()
        done = fill(connection, built_warehouse)
        after = connection.execute(f"select entity_id, measure, planning_period, xmin::text from {TABLE}").fetchall()
        connection.rollback()
    assert sorted(after) == sorted(before)
    assert (done["rows_changed"], done["rows_removed"], done["series_forecast_anew"]) == (0, 0, 0)
    assert done["zones_subscribers"].value.startswith("![zones_subscribers](data:image/png;base64,")


def test_evaluations_are_written_and_only_this_model_s(built_warehouse, inputs):
    """With histories of 40 months under the ids of this warehouse; rolled back."""
    months = [month_after(inputs.months[0], -back) for back in range(40, 0, -1)]
    long = {
        key: {month: 100.0 + place + (place % 12) + 7 * (number % 3) for place, month in enumerate(months)}
        for number, key in enumerate(inputs.histories)
    }
    with psycopg.connect(built_warehouse.url) as connection:
        others = connection.execute(
            "insert into analytics.model_evaluations (model_name, model_version, segment, period, metric)"
            " values ('another', '1', 'zone subscribers', 'all', 'mase') returning model_name"
        ).fetchall()
        for _ in range(2):
            evaluate(connection, long, inputs.as_of_date, read_parameters(connection))
        rows = connection.execute(
            "select segment, metric, metric_value, baseline_value, cases_count from analytics.model_evaluations"
            " where model_name = 'capacity_forecast'"
        ).fetchall()
        assert connection.execute(
            "select model_name from analytics.model_evaluations where model_name = 'another'"
        ).fetchall() == others  # fmt: skip
        connection.rollback()
    found = {(row[0], row[1]): row[2:] for row in rows}
    assert len(found) == len(rows) == 5 * 4
    value, naive, cases = found["zone subscribers", "mase"]
    assert cases == 12 * len(inputs.network.zones)
    assert value < 0.5 * naive
    assert found["zone subscribers", "coverage_80_percentage"][1] is None


def test_a_planned_element_closes_a_gap(built_warehouse, inputs):
    """A leaf whose zone is short of capacity gets a planned sister; rolled back."""
    one = next(version for version in inputs.network.now if version.parent_id is not None)
    opens = month_after(inputs.months[0], 3)
    with psycopg.connect(built_warehouse.url) as connection:
        connection.execute(
            "update core.dim_network_element set capacity_mbps = 1, capacity_uplink_mbps = 1 where element_id = %s",
            [one.element_id],
        )
        columns = connection.execute(
            "select string_agg(quote_ident(column_name), ', ') from information_schema.columns"
            " where table_schema = 'core' and table_name = 'dim_network_element'"
            " and column_name <> all(array['element_key', 'element_id',"
            " 'element_name', 'operational_status', 'installed_on', 'capacity_mbps', 'capacity_uplink_mbps',"
            " 'valid_from', 'valid_to', 'is_current'])"
        ).fetchone()[0]
        new = connection.execute(
            f"insert into core.dim_network_element ({columns}, element_key, element_id, element_name,"
            " operational_status, installed_on, capacity_mbps, capacity_uplink_mbps, valid_from, valid_to, is_current)"
            f" select {columns}, gen_random_uuid(), gen_random_uuid(), 'NEW-1', 'planned', %s, 1e6, 1e6, '-infinity',"
            " 'infinity', true from core.dim_network_element where element_id = %s and is_current returning element_id",
            [opens, one.element_id],
        ).fetchone()[0]
        fill(connection, built_warehouse)
        rows = connection.execute(
            f"select planning_period, capacity_gap > 0, implementation_priority, estimated_cost, closing_element_id,"
            f" closing_element_name, closing_on, recommended_actions from {TABLE} where entity_id = %s"
            " and measure = 'busy_hour_mbps_down' order by planning_period",
            [one.element_id],
        ).fetchall()
        zone = connection.execute(
            f"select months_ahead, current_capacity from {TABLE} where entity_id = %s"
            " and measure = 'busy_hour_mbps_down' order by 1",
            [one.zone_id],
        ).fetchall()
        connection.rollback()
    said = [f"Planned: NEW-1 in service from {opens} closes this gap"]
    assert [row[1] for row in rows] == [month < opens for month, *_ in rows]
    assert {tuple(row[2:7]) for row in rows} == {("planned", 0, new, "NEW-1", opens)}
    assert all(row[7] == said for row in rows)
    by_month = dict(zone)
    assert by_month[4] == by_month[3] + 1e6
    assert by_month[1] == by_month[3]
    assert by_month[12] == by_month[4]


@pytest.fixture(scope="module")
def people(built_warehouse, inputs):
    zone = inputs.network.zones[0]
    found = People(built_warehouse.url, {"provider": [zone.provider_id], "zone": [zone.zone_id]})
    yield found
    found.leave()


PLAN = "select * from analytics.plan_network_capacity(%s)"


def test_the_function_has_the_source_s_signature_and_answers_from_the_table(people, built_warehouse, inputs):
    zone = inputs.network.zones[0].zone_id
    found = people.ask("network_engineer", PLAN, zone)
    assert len(found) == 12
    for (period, limit, demand, gap, actions, priority, cost), row in zip(
        found,
        built_warehouse.ask(
            f"select planning_period, current_capacity, projected_demand, recommended_actions, implementation_priority,"
            f" estimated_cost from {TABLE} where entity_id = %s and measure = 'subscribers' order by 1",
            zone,
        ),
        strict=True,
    ):
        assert (period, limit, demand) == (row[0], round(row[1]), round(row[2]))
        assert gap == demand - limit
        assert (actions, priority, cost) == row[3:]
    assert len(people.ask("analyst", "select * from analytics.plan_network_capacity(%s, 3)", zone)) == 3
    assert built_warehouse.ask(
        "select pg_get_function_arguments(oid), prosecdef from pg_proc where proname = 'plan_network_capacity'"
    ) == [("zone_uuid uuid, planning_horizon_months integer DEFAULT 12", False)]


def test_the_function_s_errors(people, inputs):
    own, other = inputs.network.zones[0].zone_id, inputs.network.zones[1].zone_id
    call = "select * from analytics.plan_network_capacity"
    unknown = people.refusal("analyst", f"{call}(gen_random_uuid())")
    assert f"there are plans of {len(inputs.network.zones)} zones as of {inputs.as_of_date}" in unknown
    assert "P0002" in unknown
    assert "plans of 12 months are computed, asked for were 13" in people.refusal("analyst", f"{call}('{own}', 13)")
    assert "1 month or more" in people.refusal("analyst", f"{call}('{own}', 0)")
    assert "1 month or more" in people.refusal("analyst", f"{call}(null)")
    # A scoped login reads its own zone's plan and is told of no other.
    assert len(people.ask("network_engineer_by_zone", PLAN, own)) == 12
    assert "no capacity plan of zone" in people.refusal("network_engineer_by_zone", f"{call}('{other}')")
    assert people.refusal("billing", f"{call}('{own}')").startswith("42501")


def test_before_anything_is_computed_the_function_says_so(built_warehouse):
    with psycopg.connect(built_warehouse.url) as connection:
        connection.execute(f"delete from {TABLE}")
        with pytest.raises(psycopg.errors.NoDataFound, match="plans of 0 zones as of no day") as caught:
            connection.execute("select * from analytics.plan_network_capacity(gen_random_uuid())")
        connection.rollback()
    assert "make run" in caught.value.diag.message_hint


def test_the_seeds_are_the_source_s(built_warehouse):
    assert built_warehouse.ask(
        "select implementation_priority, over_gap_percentage, cost_per_subscriber from reference.capacity_priorities"
        " order by 2 desc"
    ) == [("critical", 50, 50_000), ("high", 20, 25_000), ("medium", 0, 10_000)]
    actions = built_warehouse.ask(
        "select jsonb_object_agg(implementation_priority, actions) from (select implementation_priority,"
        " count(*) as actions from reference.capacity_actions where element_type is null group by 1) as found"
    )
    assert actions == [({"critical": 3, "high": 3, "medium": 3},)]
