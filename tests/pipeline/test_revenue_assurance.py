"""Revenue assurance in the warehouse: the same findings as from the landed files, life, reading roles, a cheap run."""

import csv
import time
from collections import Counter
from contextlib import contextmanager
from datetime import timedelta

import polars as pl
import psycopg
import pytest

from benchmarks.revenue_frames import read_inputs as read_landed
from benchmarks.revenue_frames import seed_parameters
from orchestration.analytics.findings import finding_id
from orchestration.analytics.revenue_assurance import find_billing, find_fraud, find_usage
from orchestration.defs.revenue_assurance import fill_revenue_assurance_findings
from orchestration.defs.revenue_inputs import first_judged, read_inputs, read_parameters
from tests.second_road import revenue

TABLE = "analytics.revenue_assurance_findings"


@contextmanager
def taken_back(warehouse):
    with psycopg.connect(warehouse.url) as connection:
        yield connection
        connection.rollback()


def fill(connection, warehouse, days=0):
    settings = warehouse.settings
    as_of = settings.as_of + timedelta(days=days)
    return fill_revenue_assurance_findings(connection, as_of, settings.reporting_time_zone)


def test_findings_are_those_of_the_landed_files(any_warehouse):
    """The frames that tests and benchmarks make from the files, by other code than the queries."""
    parameters = seed_parameters()
    landed = read_landed(any_warehouse.landing.parent)
    judged_from = first_judged(landed.as_of_day, int(parameters["judged_months"]))
    landed = read_landed(any_warehouse.landing.parent, max(judged_from, landed.judged_from))
    expected = [
        (finding_id(one.finding_kind, *one.parts), one.at_stake_cents, one.description)
        for find in (find_billing, find_usage, find_fraud) for one in find(landed, parameters).found
    ]  # fmt: skip
    with taken_back(any_warehouse) as connection:
        fill(connection, any_warehouse)
        rows = connection.execute(
            f"select finding_id, (amount_at_stake * 100)::integer, description from {TABLE}"
            " where finding_status = 'open' order by 1"
        ).fetchall()
    assert rows == sorted(expected, key=lambda one: one[0])


def test_plain_counts_over_the_landed_files_find_the_same(any_warehouse, any_world):
    """Charges twice, charges after the end and records that never came, by code that shares nothing with the rest."""
    judged_from = first_judged(any_warehouse.settings.as_of.date(), 3)
    ask = f"select evidence, service_id::text, billing_period_start from {TABLE} where finding_kind = %s"
    with taken_back(any_warehouse) as connection:
        fill(connection, any_warehouse)
        twice, gone, lost = (
            connection.execute(ask, [kind]).fetchall()
            for kind in ("duplicate_charge", "billed_after_termination", "sequence_gap")
        )
    assert {frozenset(row[0]["charge_ids"]) for row in twice} == revenue.twice_charged(any_world, judged_from)
    assert {row[1:] for row in gone} == revenue.charged_after_the_end(any_world, judged_from)
    numbers = {tuple(row[0][name] for name in ("mediation_source", "first_sequence", "last_sequence")) for row in lost}
    assert numbers == revenue.never_came(any_world, judged_from, timedelta(days=14))


def test_what_was_planted_in_billing_is_found(any_warehouse):
    """Every mistake of the judged bills; the truth is read here as it is, and errors of a cent count."""
    with taken_back(any_warehouse) as connection:
        fill(connection, any_warehouse)
        found = connection.execute(
            f"select service_id::text, bill_id::text, billing_period_start::text from {TABLE}"
            " where finding_class = 'billing'"
        ).fetchall()
        judged = first_judged(any_warehouse.settings.as_of.date(), 3)
    known = {row[0] for row in found if row[0]} | {row[1] for row in found if row[1]}
    with (any_warehouse.landing.parent / "truth" / "billing_errors.csv").open() as lines:
        planted = [row for row in csv.DictReader(lines) if row["billing_period_start"] >= judged.isoformat()]
    hit = sum(bool({row["service_id"], row["bill_id"]} & known) for row in planted)
    assert hit >= 0.9 * len(planted) - 1
    assert len(found) <= len(planted) / 0.8 + 8


def test_rows_that_are_spoilt_are_found_and_those_mended_close(built_warehouse):
    """Duplicates, lost numbers and charges after the end against plain counts over the same tables."""
    with taken_back(built_warehouse) as connection:
        fill(connection, built_warehouse)
        before = {row[0] for row in connection.execute(f"select finding_id from {TABLE} where finding_status = 'open'")}
        charge_id, service_id = spoil(connection)
        fill(connection, built_warehouse)
        rows = connection.execute(
            f"select finding_kind, count(*) from {TABLE} where finding_status = 'open' and finding_kind in"
            " ('duplicate_charge', 'sequence_gap', 'billed_after_termination') group by 1"
        ).fetchall()
        assert dict(rows) == counted(connection, built_warehouse)
        assert set(dict(rows)) == {"duplicate_charge", "sequence_gap", "billed_after_termination"}
        (one,) = connection.execute(
            f"select finding_id from {TABLE} where finding_kind = 'duplicate_charge' and service_id = %s and"
            " evidence -> 'charge_ids' ? %s", [service_id, charge_id],
        ).fetchone()  # fmt: skip
        connection.execute("set local role billing")
        connection.execute("select analytics.mute_finding(%s, 'known at billing')", [one])
        connection.execute("reset role")
        said = fill(connection, built_warehouse)
        assert (said["findings_new"], said["findings_muted"], said["findings_resolved_now"]) == (0, 1, 0)
        connection.execute("delete from core.fct_bill_charge where charge_id = %s", [charge_id])
        said = fill(connection, built_warehouse, days=1)
        assert said["findings_resolved_now"] == 1
        (status,) = connection.execute(f"select finding_status from {TABLE} where finding_id = %s", [one]).fetchone()
        assert status == "resolved"
        assert before <= {row[0] for row in connection.execute(f"select finding_id from {TABLE}")}


def spoil(connection):
    """A charge again under another id, one for time after the service's end, and records of a source taken away."""
    charge_id, service_id = connection.execute(
        "insert into core.fct_bill_charge select (charge).* from (select jsonb_populate_record(charge,"
        " jsonb_build_object('charge_id', gen_random_uuid())) as charge from core.fct_bill_charge as charge"
        " where charge_type = 'recurring' order by charge_id limit 1) as copied"
        " returning charge_id::text, service_id::text"
    ).fetchone()
    connection.execute(
        "update core.dim_service as service set deactivated_at = charge.charge_period_start - interval '3 days'"
        " from core.fct_bill_charge as charge where charge.service_id = service.service_id"
        " and charge.charge_id = (select charge_id from core.fct_bill_charge where charge_type = 'recurring'"
        " and service_id <> %s and quantity = 1 order by charge_period_start desc, charge_id limit 1)", [service_id],
    )  # fmt: skip
    connection.execute(
        "delete from raw.usage_records where mediation_source = 'mediation-0' and source_sequence between 500 and 509"
    )
    return charge_id, service_id


def counted(connection, warehouse):
    """The same three kinds counted over the tables' rows, by other code."""
    judged = first_judged(warehouse.settings.as_of.date(), 3)
    charges = connection.execute(
        "select charge_id::text, charge.service_id::text, charge.plan_id::text, charge_type, description,"
        " charge_period_start, charge_period_end, amount::text, (deactivated_at at time zone time_zone)::date"
        " from core.fct_bill_charge as charge left join core.dim_service as service"
        " on service.service_id = charge.service_id and service.is_current"
        " where not is_tax and billing_period_start >= %s", [judged],
    ).fetchall()  # fmt: skip
    late = warehouse.settings.as_of - timedelta(days=14)
    numbers = connection.execute(
        "select mediation_source, source_sequence, max(usage_timestamp) from core.fct_usage_event"
        " where usage_timestamp >= %s and usage_timestamp < %s group by 1, 2", [judged, warehouse.settings.as_of],
    ).fetchall()  # fmt: skip
    names = ["id", "service", "plan", "kind", "words", "first", "last", "amount", "gone"]
    lines = pl.DataFrame(charges, schema=names, orient="row", infer_schema_length=None)
    copies = lines.group_by(names[1:8]).len().filter(pl.col("len") > 1)
    gone = lines.filter(pl.col("first") >= pl.col("gone"), pl.col("kind") != "one_time")
    steps = pl.DataFrame(numbers, schema=["source", "sequence", "at"], orient="row").sort("source", "sequence")
    steps = steps.filter((pl.col("sequence").diff().over("source") > 1) & (pl.col("at") <= late))
    ended = gone.select("service", pl.col("first").dt.month_start()).n_unique()
    kinds = {"duplicate_charge": len(copies), "sequence_gap": len(steps), "billed_after_termination": ended}
    return {kind: n for kind, n in kinds.items() if n}


def test_a_second_run_changes_nothing_and_takes_seconds(built_warehouse):
    ask = f"select * from {TABLE} order by finding_id"
    with taken_back(built_warehouse) as connection:
        first = connection.execute(ask).fetchall()
        begun = time.perf_counter()
        fill(connection, built_warehouse)
        assert time.perf_counter() - begun < 20
        assert connection.execute(ask).fetchall() == first


def test_quarantined_records_explain_a_gap(built_warehouse):
    with taken_back(built_warehouse) as connection:
        spoil(connection)
        columns = connection.execute(
            "select load_id, columns from raw.load_ledger where feed = 'usage_records' and status = 'loaded'"
            " order by delivery_sequence limit 1"
        ).fetchone()
        for place, number in enumerate(range(500, 510)):
            values = {"mediation_source": "mediation-0", "source_sequence": str(number)}
            text = ",".join(values.get(name, "") for name in columns[1])
            connection.execute(
                "insert into raw.quarantine (load_id, feed, line_number, original_text, reasons, subject_hmacs)"
                " values (%s, 'usage_records', %s, %s, '{broken}', '{}')", [columns[0], 10_000_000 + place, text],
            )  # fmt: skip
        settings = built_warehouse.settings
        parameters, _ = read_parameters(connection)
        inputs = read_inputs(connection, settings.as_of, settings.reporting_time_zone, parameters, [])
        gaps = [one.parts for one in find_billing(inputs, parameters).found if one.finding_kind == "sequence_gap"]
    assert ("mediation-0", "500") not in gaps


def test_who_may_read_findings(built_warehouse):
    with taken_back(built_warehouse) as connection:
        allowed = Counter()
        for role in ("billing", "admin", "data_engineer", "analyst", "network_engineer", "security_analyst", "support"):
            (may,) = connection.execute("select has_table_privilege(%s, %s, 'select')", [role, TABLE]).fetchone()
            allowed[role] = int(may)
        names = connection.execute(
            "select column_name from information_schema.columns where table_schema = 'analytics'"
            " and table_name = 'revenue_assurance_findings'"
        ).fetchall()
    assert {role for role, may in allowed.items() if may} == {"billing", "admin", "data_engineer"}
    assert not {name for (name,) in names} & {"first_name", "last_name", "email", "phone", "service_number"}


@pytest.mark.parametrize("personal", ["first_name", "last_name", "email", "phone", "service_number", "imei"])
def test_no_personal_value_stands_in_a_finding(built_warehouse, personal):
    table = {"service_number": "dim_service_pii", "imei": "dim_device_pii"}.get(personal, "dim_customer_pii")
    found = built_warehouse.ask(
        f"select count(*) from {TABLE} as finding where exists (select 1 from core.{table} as person"
        f" where length(person.{personal}) > 5 and position(person.{personal} in finding.description"
        " || finding.evidence::text) > 0)"
    )
    assert found == [(0,)]
