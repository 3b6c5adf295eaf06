"""Security monitoring in the warehouse: findings by other code and against the truth, life, muting, function, roles."""

import json
from datetime import datetime, timedelta

import psycopg
import pytest

from orchestration.defs.security_monitoring import (
    fill_security_elements,
    fill_security_findings,
    fill_security_status,
)
from tests.pipeline.people import People
from tests.second_road import security

TABLE = "analytics.security_findings"
CALL = "select * from analytics.monitor_network_security"
STATUS = """select security_status, security_incidents, compliance_violations, recommended_actions, risk_score
    from analytics.network_security_status where provider_id = %s"""
TRUE_KINDS = {"flood": "traffic_flood", "scan": "connection_scan", "silent_cell": "silent_cell"}


def fill(connection, warehouse, later=timedelta(0)):
    settings = warehouse.settings
    as_of = settings.as_of + later
    done = fill_security_findings(connection, as_of, settings.reporting_time_zone)
    fill_security_elements(connection, as_of, settings.reporting_time_zone)
    fill_security_status(connection, as_of)
    return done


@pytest.fixture
def connection(built_warehouse):
    """Everything is taken back at the end."""
    with psycopg.connect(built_warehouse.url) as connection:
        yield connection
        connection.rollback()


@pytest.fixture(scope="module")
def providers(built_warehouse):
    return [row[0] for row in built_warehouse.ask("select provider_id::text from analytics.network_security_status"
                                                  " order by 1")]  # fmt: skip


@pytest.fixture(scope="module")
def people(built_warehouse, providers):
    zone = built_warehouse.ask("select min(zone_id::text) from analytics.network_security_elements")[0][0]
    found = People(built_warehouse.url, {"provider": [providers[0]], "zone": [zone]})
    yield found
    found.leave()


@pytest.fixture(scope="module")
def truth(built_warehouse):
    folder = built_warehouse.landing.parent / "truth"
    anomalies = [line.split(",") for line in (folder / "network_anomalies.csv").read_text().splitlines()]
    return json.loads((folder / "configurations.json").read_text()), [
        dict(zip(anomalies[0], row, strict=True)) for row in anomalies[1:]
    ]


def test_violations_are_what_the_files_say(built_warehouse, truth):
    found = built_warehouse.ask(f"select element_id::text, rule_id from {TABLE} where finding_class = 'violation'"
                                " and finding_status = 'open'")  # fmt: skip
    wanted = security.violations(built_warehouse.landing, built_warehouse.settings.as_of)
    assert set(found) == wanted
    assert len(found) == len(wanted) > 20
    paths = dict(built_warehouse.ask("select rule_id, json_path from reference.security_configuration_rules"))
    planted = {(one["element_id"], name) for one in truth[0]["misconfigured_elements"] for name in one["settings"]}
    planted |= {(one["element_id"], name) for one in truth[0]["changes"] if one["kind"] == "weakened"
                for name in one["settings"]}  # fmt: skip
    inventory = ("software_version", "end_of_support_on")
    assert {(one, paths[rule]) for one, rule in found if paths[rule] not in inventory} == planted


def test_changes_are_the_planted_ones(built_warehouse, truth):
    found = built_warehouse.ask(f"select element_id::text, setting_path, finding_status, first_seen_at from {TABLE}"
                                " where finding_class = 'change'")  # fmt: skip
    wanted = [
        (one["element_id"], name, "resolved" if one["restored_at"] else "open",
         datetime.fromisoformat(one["changed_at"]))
        for one in truth[0]["changes"] if one["kind"] != "harmless" for name in one["settings"]
    ]  # fmt: skip
    assert sorted(found) == sorted(wanted)
    assert {row[2] for row in found} == {"open", "resolved"}


def test_incidents_are_the_attacks_of_the_last_weeks(built_warehouse, truth):
    begin = built_warehouse.settings.as_of - timedelta(days=28)
    recent = [one for one in truth[1] if datetime.fromisoformat(one["begins_at"]) >= begin]
    found = built_warehouse.ask(f"select element_id::text, finding_kind, first_seen_at, last_seen_at, finding_status"
                                f" from {TABLE} where finding_class = 'incident' order by first_seen_at")  # fmt: skip
    assert [row[:4] for row in found] == [
        (one["element_id"], TRUE_KINDS[one["kind"]], *(datetime.fromisoformat(one[name])
                                                       for name in ("begins_at", "ends_at")))
        for one in sorted(recent, key=lambda one: one["begins_at"])
    ]  # fmt: skip
    # The one that is going on as the sample ends, and one that was over before.
    assert [row[4] for row in found[-1:]] == ["open"]
    assert built_warehouse.settings.as_of - found[-1][3] == timedelta(hours=1)


def test_plainly_abnormal_hours_by_other_code_are_those_of_incidents(built_warehouse):
    zones = dict(built_warehouse.ask("select element_id::text, time_zone from core.dim_network_element_current"))
    hours = security.plain_hours(built_warehouse.landing, built_warehouse.settings.as_of, zones)
    abnormal = hours.filter((hours["connections_count"] > 3 * hours["usual"]) & (hours["connections_count"] > 40))
    spans = built_warehouse.ask(f"select element_id::text, first_seen_at, last_seen_at, evidence from {TABLE}"
                                " where finding_class = 'incident'")  # fmt: skip
    assert len(hours) > 20 * 27 * 24
    covered = {
        (element_id, hour)
        for element_id, hour in abnormal.select("element_id", "hour_at").rows()
        if any(element_id == one and first <= hour < last for one, first, last, _ in spans)
    }
    assert len(covered) == len(abnormal) > 2
    for element_id, first, last, evidence in spans:
        if evidence["peak_measure"] == "connections_count":
            own = hours.filter((hours["element_id"] == element_id) & hours["hour_at"].is_between(first, last, "left"))
            peak = own.filter(own["connections_count"] == evidence["peak_observed"])
            assert peak["usual"][0] == pytest.approx(evidence["peak_expected"], rel=0.25)


def test_a_second_run_changes_no_row(connection, built_warehouse):
    ask = f"""select finding_id::text, xmin::text from {TABLE}
        union all select provider_id::text, xmin::text from analytics.network_security_status
        union all select element_id::text, xmin::text from analytics.network_security_elements"""
    before = sorted(connection.execute(ask).fetchall())
    done = fill(connection, built_warehouse)
    assert sorted(connection.execute(ask).fetchall()) == before
    assert (done["findings_new"], done["elements_judged"]) == (0, 20)
    assert done["incident_1"].value.startswith("![an incident](data:image/png;base64,")


def test_incidents_close_themselves_and_unsaid_settings_stay(connection, built_warehouse, truth):
    (weakened,) = (one for one in truth[0]["changes"] if one["kind"] == "weakened")
    (setting,) = weakened["settings"]
    mended = (
        "update core.dim_network_element set configuration = configuration || %s where element_id = %s and is_current"
    )
    good = {"protocols": ["ssh", "snmp", "https"], "snmp_version": "3", "tls_min_version": "1.2",
            "default_credentials": False, "management_exposed": False, "encryption_enabled": True,
            "ntp_synchronised": True, "acl_count": 99}  # fmt: skip
    connection.execute(mended, [json.dumps(good), weakened["element_id"]])
    one, rule = connection.execute(
        f"select element_id, rule_id from {TABLE} where finding_class = 'violation' and element_id <> %s"
        " and setting_path = 'tls_min_version' order by 1 limit 1", [weakened["element_id"]]).fetchone()  # fmt: skip
    connection.execute("update core.dim_network_element set configuration = configuration - 'tls_min_version'"
                       " where element_id = %s and is_current", [one])  # fmt: skip
    state = f"select finding_status, count(*) from {TABLE} where {{}} group by 1"
    still = state.format("finding_class = 'incident' and finding_status <> 'resolved'")
    # No sample came since the attack: nobody knows. Then an hour that is as it should be comes, two days later.
    fill(connection, built_warehouse, timedelta(days=3))
    assert connection.execute(still).fetchall() == [("open", 1)]
    connection.execute(
        "update core.fct_network_performance_hourly set performance_hour_at = performance_hour_at + interval '7 days'"
        f" where element_id = (select element_id from {TABLE} where finding_class = 'incident'"
        " and finding_status = 'open') and performance_hour_at = %s",
        [built_warehouse.settings.as_of - timedelta(days=5)],
    )
    fill(connection, built_warehouse, timedelta(days=3))
    assert connection.execute(still).fetchall() == []
    of_setting = connection.execute(state.format("element_id = %s and setting_path = %s"),
                                    [weakened["element_id"], setting]).fetchall()  # fmt: skip
    assert [row[0] for row in of_setting] == ["resolved"]
    assert connection.execute(state.format("element_id = %s and rule_id = %s"), [one, rule]).fetchall() == [("open", 1)]


def test_a_muted_finding_counts_nowhere_and_stays_muted(connection, built_warehouse):
    finding, provider = connection.execute(
        f"select finding_id, provider_id from {TABLE} where finding_class = 'incident' and finding_status = 'open'"
    ).fetchone()
    before = connection.execute(f"{CALL}(%s)", [provider]).fetchone()
    connection.execute("set local role security_analyst")
    assert connection.execute("select analytics.mute_finding(%s, 'a drill')", [finding]).fetchone() == ("muted",)
    connection.execute("reset role")
    after = connection.execute(f"{CALL}(%s)", [provider]).fetchone()
    assert len(after[1]) == len(before[1]) - 1
    fill(connection, built_warehouse)
    assert connection.execute(f"{CALL}(%s)", [provider]).fetchone() == after
    assert connection.execute(STATUS, [provider]).fetchone() == after
    assert connection.execute(f"select finding_status from {TABLE} where finding_id = %s", [finding]).fetchone() == (
        "muted",)  # fmt: skip


def test_the_function_has_the_source_s_columns_and_the_table_s_values(built_warehouse, providers):
    assert len(providers) == 3
    for provider in providers:
        assert built_warehouse.ask(f"{CALL}(%s)", provider) == built_warehouse.ask(STATUS, provider)
    assert built_warehouse.ask(
        "select pg_get_function_arguments(oid), pg_get_function_result(oid), prosecdef from pg_proc"
        " where proname = 'monitor_network_security'"
    ) == [(
        "provider_uuid uuid, monitoring_period_hours integer DEFAULT 24",
        "TABLE(security_status character varying, security_incidents jsonb, compliance_violations jsonb,"
        " recommended_actions jsonb, risk_score numeric)", False,
    )]  # fmt: skip


def test_the_score_is_the_sum_of_what_is_listed_and_the_status_its_level(built_warehouse, providers):
    points = {"low": 5, "medium": 10, "high": 20, "critical": 40}
    for hours in (1, 24, 24 * 28):
        for provider in providers:
            ((state, incidents, violations, actions, score),) = built_warehouse.ask(f"{CALL}(%s, %s)", provider, hours)
            total = sum(points[one["severity"]] for one in incidents + violations)
            assert score == min(total, 100)
            assert state == ("critical" if score > 70 else "high" if score > 40 else "medium" if score > 20 else "low")
            assert bool(actions) == bool(incidents or violations)
            begin = (built_warehouse.settings.as_of - timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")
            assert all(one["timestamp"] > begin for one in incidents)
    counts = [sum(len(built_warehouse.ask(f"{CALL}(%s, %s)", one, hours)[0][1]) for one in providers)
              for hours in (1, 24, 24 * 28)]  # fmt: skip
    events = built_warehouse.ask(f"select count(*) from {TABLE} where finding_class <> 'violation'")
    assert counts[0] < counts[1] < counts[2] == events[0][0]


def test_a_quiet_network_scores_zero(connection, built_warehouse, providers):
    connection.execute(f"delete from {TABLE}")
    fill_security_status(connection, built_warehouse.settings.as_of)
    assert connection.execute(f"{CALL}(%s)", [providers[0]]).fetchone() == ("low", [], [], [], 0)
    assert connection.execute(STATUS, [providers[0]]).fetchone() == ("low", [], [], [], 0)


def test_what_has_too_little_history_says_so(connection, built_warehouse):
    states = dict(built_warehouse.ask("select monitoring_state, count(*) from analytics.network_security_elements"
                                      " group by 1"))  # fmt: skip
    assert states["monitored"] == 20
    assert built_warehouse.ask(
        "select bool_and(history_weeks between 7.5 and 8) from analytics.network_security_elements"
        " where monitoring_state = 'monitored'"
    ) == [(True,)]  # fmt: skip
    newest = "(select max(performance_hour_at) from core.fct_network_performance_hourly)"
    connection.execute(f"delete from core.fct_network_performance_hourly where performance_hour_at < {newest}"
                       " - interval '2 weeks'")  # fmt: skip
    connection.execute(f"delete from {TABLE}")
    assert fill(connection, built_warehouse)["hours_judged"] == 0
    found = connection.execute("select distinct monitoring_state, monitored_elements_count, monitoring_note"
                               " from analytics.network_security_status order by 1, 3").fetchall()  # fmt: skip
    assert [row[:2] for row in found] == [("insufficient_history", 0)] * 3
    assert all("have 2 weeks of hourly samples, and 4 are needed" in row[2] for row in found)


def test_who_may_ask_and_what_is_refused(people, built_warehouse, providers):
    own, other = providers[:2]
    for role in ("security_analyst", "network_engineer", "field_technician", "admin", "data_engineer"):
        assert people.ask(role, f"{CALL}('{other}')") == built_warehouse.ask(f"{CALL}('{other}')"), role
    assert len(people.ask("network_engineer_by_provider", f"{CALL}('{own}')")) == 1
    assert "no security status of provider" in people.refusal("network_engineer_by_provider", f"{CALL}('{other}')")
    seen = people.ask("network_engineer_by_provider", f"select distinct provider_id::text from {TABLE}")
    assert seen == [(own,)]
    for role in ("billing", "analyst", "marketing", "customer_app"):
        assert people.refusal(role, f"{CALL}('{own}')").startswith("42501"), role
    unknown = people.refusal("security_analyst", f"{CALL}(gen_random_uuid())")
    assert "there are those of 3 providers as of" in unknown
    assert unknown.startswith("P0002")
    for arguments in ("null", f"'{own}', 0", f"'{own}', null"):
        assert "a period of 1 hour or more" in people.refusal("security_analyst", f"{CALL}({arguments})")


def test_before_anything_is_computed_the_function_says_so(connection):
    connection.execute("delete from analytics.network_security_status")
    with pytest.raises(psycopg.errors.NoDataFound, match="0 providers as of no instant") as caught:
        connection.execute(f"{CALL}(gen_random_uuid())")
    assert "make run" in caught.value.diag.message_hint


def test_the_seeds_are_the_source_s(built_warehouse):
    assert built_warehouse.ask(
        "select kinds.severity, points from reference.security_incident_kinds as kinds"
        " inner join reference.security_severities as severity on severity.severity = kinds.severity group by 1, 2"
    ) == [("medium", 10)]
    assert built_warehouse.ask("select points from reference.security_severities where severity = 'high'") == [(20,)]
    assert built_warehouse.ask("select security_status, over_score from reference.security_levels order by 2") == [
        ("low", 0), ("medium", 20), ("high", 40), ("critical", 70)
    ]  # fmt: skip
