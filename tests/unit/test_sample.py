"""The sample operator is the same for the same arguments, and consistent between its feeds."""

import hashlib
import os
import subprocess
import sys
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import polars as pl
import pytest

from ingestion.check_digits import has_check_digit
from ingestion.contract import contract, feeds
from ingestion.sample import write_sample
from ingestion.sample.geography import TRACTS
from orchestration.warehouse.settings import ROOT
from tests.unit.sample_files import manifest, newest, read, table

UNTIL = date(2026, 9, 30)


def files(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def longer(tmp_path_factory):
    """More customers and a longer history, for what is rare."""
    folder = tmp_path_factory.mktemp("longer")
    write_sample(folder, customers=900, months=4, seed=5, until=UNTIL, history_months=24)
    return folder


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample")
    return folder, write_sample(folder, customers=60, months=3, seed=5, until=UNTIL)


def test_the_same_arguments_give_the_same_bytes(sample, tmp_path):
    write_sample(tmp_path, customers=60, months=3, seed=5, until=UNTIL)
    assert files(tmp_path) == files(sample[0])
    write_sample(tmp_path, customers=60, months=3, seed=6, until=UNTIL)
    assert files(tmp_path) != files(sample[0])


def test_chosen_feeds_have_the_same_bytes(sample, tmp_path):
    chosen = ("outages", "network_elements", "network_performance")
    write_sample(tmp_path, customers=60, months=3, seed=5, until=UNTIL, feeds=chosen)
    whole = files(sample[0])
    part = {name: content for name, content in whole.items() if name.startswith(tuple(f"landing/{f}/" for f in chosen))}
    found = files(tmp_path)
    assert {name: content for name, content in found.items() if name.startswith("landing")} == part
    assert found["truth/outage_mistakes.csv"] == whole["truth/outage_mistakes.csv"]


def test_the_outage_desk_makes_mistakes(longer):
    truth = pl.read_csv(longer / "truth" / "outage_mistakes.csv")
    recorded = {row["outage_id"]: row for row in newest(read(longer, "outages"), "outage_id").to_dicts()}
    assert set(truth["kind"]) == {"missing", "phantom", "miscounted"}
    for row in truth.iter_rows(named=True):
        if row["kind"] == "missing":
            assert row["outage_id"] is None
        elif row["kind"] == "miscounted" and row["outage_id"] in recorded:
            assert float(recorded[row["outage_id"]]["affected_customers"]) >= 3 * row["customers"]
    failures = pl.read_csv(longer / "truth" / "failures.csv").select("element_id", "begins_at")
    phantoms = truth.filter(pl.col("kind") == "phantom").select("element_id", "begins_at")
    assert len(phantoms.join(failures, on=["element_id", "begins_at"])) == 0


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_another_process_gives_the_same_bytes(sample, tmp_path, hash_seed):
    """Python orders sets of text differently in each process."""
    command = [sys.executable, "-m", "ingestion.sample", "--folder", str(tmp_path), "--customers", "60",
               "--months", "3", "--seed", "5", "--until", UNTIL.isoformat()]  # fmt: skip
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    subprocess.run(command, check=True, cwd=ROOT, env=environment, capture_output=True)
    assert files(tmp_path) == files(sample[0])


def test_the_shortest_sample_has_bills(tmp_path):
    assert write_sample(tmp_path, customers=10, months=1, seed=1, until=date(2026, 9, 12)).feeds["bills"].rows > 0


def test_the_manifest_names_the_end_of_the_last_day(sample):
    assert sample[1].as_of == "2026-10-01T05:00:00+00:00"


def test_every_format_is_used_and_headers_are_the_contracts(sample):
    suffixes = set()
    for path in (sample[0] / "landing").rglob("*.*"):
        suffixes.add("".join(path.suffixes))
        if path.name.endswith(".csv"):
            header = path.open().readline().strip().split(",")
            assert header == [column.name for column in contract(path.parent.name).columns]
    assert suffixes == {".csv", ".csv.gz", ".jsonl", ".jsonl.gz", ".parquet"}


def test_bills_add_up_to_the_cent(sample):
    bills = [row for row in table(sample[0], "bills") if all(row[n] for n in ("total_amount", "tax_amount"))]
    assert len(bills) > 100
    good = 0
    for row in bills:
        parts = [Decimal(str(row[name])) for name in ("subtotal_amount", "discount_amount", "tax_amount")]
        good += Decimal(str(row["total_amount"])) == parts[0] - parts[1] + parts[2]
    assert good == len(bills)


def test_services_belong_to_customers_and_plans(sample):
    customers = {row["customer_id"] for row in table(sample[0], "customers")}
    plans = {row["plan_id"] for row in table(sample[0], "service_plans")}
    services = table(sample[0], "customer_services")
    assert {row["customer_id"] for row in services} <= customers
    assert {row["plan_id"] for row in services} <= plans
    used = {row["service_id"] for row in table(sample[0], "usage_records") if row["service_id"]}
    assert used <= {row["service_id"] for row in services}


def test_usage_has_an_evening_peak(sample):
    hours = [
        str(row["usage_timestamp"])[11:13]
        for row in table(sample[0], "usage_records")
        if row["usage_timestamp"] and "25:61" not in str(row["usage_timestamp"])
    ]
    night, evening = (sum(hour in span for hour in hours) for span in (("08", "09", "10"), ("00", "01", "02")))
    assert evening > 2 * night


def test_all_feeds_are_delivered(sample):
    assert {path.name for path in (sample[0] / "landing").iterdir()} == set(feeds())
    assert all(counts["rows"] > 0 for counts in manifest(sample[0])["feeds"].values())


def whole_charges(folder):
    """Charges that are not broken, with their bill's truth: amounts as decimals."""
    rows = read(folder, "bill_charges").filter(pl.col("charge_id").str.len_chars() == 36, pl.col("charge_type") != "")
    rows = rows.filter(pl.col("charge_type") != "no_such_value").drop_nulls(["bill_id", "amount"]).unique("charge_id")
    return rows.with_columns(pl.col("amount").cast(pl.Decimal(12, 2)))


def test_charges_sum_to_their_bill(sample):
    totals = whole_charges(sample[0]).group_by("bill_id").agg(pl.col("amount").sum())
    bills = newest(read(sample[0], "bills").drop_nulls(["total_amount", "subtotal_amount"]), "bill_id")
    joined = bills.with_columns(pl.col("total_amount").cast(pl.Decimal(12, 2))).join(totals, on="bill_id")
    assert len(joined) == len(bills)
    assert joined.filter(pl.col("amount") != pl.col("total_amount")).is_empty()


def test_sequences_of_mediation_have_no_gaps_but_the_planted_ones(longer):
    rows = read(longer, "usage_records").drop_nulls(["source_sequence", "mediation_source"])
    numbers = rows.with_columns(pl.col("source_sequence").cast(pl.Int64)).filter(pl.col("source_sequence") >= 0)
    truth = pl.read_csv(longer / "truth" / "usage_errors.csv").filter(pl.col("kind") == "sequence_gap")
    lost = dict(truth.group_by("mediation_source").agg(pl.col("records_count").sum()).iter_rows())
    for (source,), own in numbers.group_by("mediation_source"):
        assert own["source_sequence"].n_unique() + lost.pop(source, 0) == own["source_sequence"].max() + 1
    assert not lost
    assert len(truth) > 0


def test_records_that_came_twice_are_named(longer):
    rows = read(longer, "usage_records").filter(pl.col("usage_id").str.len_chars() == 36)
    rows = rows.filter(pl.all_horizontal(pl.col("source_sequence", "service_id", "usage_type").is_not_null()))
    content = ["mediation_source", "source_sequence", "service_id", "usage_timestamp", "usage_type", "voice_seconds"]
    twice = rows.unique("usage_id").group_by(content).len().filter(pl.col("len") > 1)
    truth = pl.read_csv(longer / "truth" / "usage_errors.csv").filter(pl.col("kind") == "duplicate_usage_record")
    assert sorted(twice["source_sequence"].cast(pl.Int64)) == sorted(truth["first_sequence"])


def test_imeis_have_their_check_digit(sample):
    imeis = newest(read(sample[0], "devices"), "device_id")["imei"].drop_nulls().to_list()
    assert len(imeis) > 20
    assert all(len(imei) == 15 and has_check_digit(imei) for imei in imeis)


def test_fixed_services_stand_in_real_tracts_of_their_providers_zones(sample):
    tracts = set(pl.read_csv(TRACTS, infer_schema=False)["tract_geoid"])
    services = newest(read(sample[0], "customer_services"), "service_id").drop_nulls("block_geoid")
    plans = newest(read(sample[0], "service_plans"), "plan_id").select("plan_id", "provider_id")
    zones = read(sample[0], "service_zones").select("zone_id", "provider_id")
    blocks = read(sample[0], "census_blocks").join(zones, on="zone_id").select("block_geoid", "provider_id")
    assert len(services) > 10
    assert set(services["block_geoid"].str.slice(0, 11)) <= tracts
    found = services.join(plans, on="plan_id").join(blocks, on=["block_geoid", "provider_id"])
    assert len(found) == len(services)


def test_planted_billing_errors_are_few_and_named(longer):
    charges, truth = whole_charges(longer), pl.read_csv(longer / "truth" / "billing_errors.csv")
    assert 0 < len(truth) <= 0.005 * len(charges)
    assert set(truth["kind"]) <= {
        "duplicate_charge", "missed_charge", "wrong_rate", "discount_not_applied", "charge_after_termination",
        "proration_error", "discount_past_end", "payment_mismatch", "service_never_billed",
    }  # fmt: skip
    assert (truth["cents"] != 0).all()
    # A charge for a time after the service ended has its entry.
    ends = newest(read(longer, "customer_services"), "service_id").select("service_id", "deactivated_at")
    late = charges.filter(pl.col("charge_type") == "recurring").join(ends.drop_nulls(), on="service_id")
    late = late.filter(pl.col("charge_period_start") > pl.col("deactivated_at").str.slice(0, 10))
    assert set(late["bill_id"]) <= set(truth.filter(pl.col("kind") == "charge_after_termination")["bill_id"])


def test_leavers_of_the_truth_are_those_of_the_feed(longer):
    truth = pl.read_csv(longer / "truth" / "leavers.csv", infer_schema=False)
    ended = newest(read(longer, "customer_services"), "service_id").filter(pl.col("service_status") == "terminated")
    assert len(truth) > 20
    columns = ["service_id", "deactivated_at", "deactivation_reason"]
    assert sorted(truth.select(columns).rows()) == sorted(ended.select(columns).rows())


def expected_overage(plan, bytes_used, seconds, calls, days, whole):
    """The cents of a month's charge beyond the allowance, for three plans, from the words of the price list."""
    share = Fraction(days, whole)
    if plan == "Mobile 15":
        return round(max(Fraction(bytes_used, 2**30) - 15 * share, 0) * 1000)
    if plan == "Home Phone":
        return round(max(Fraction(seconds, 60) - 300 * share, 0) * 7)
    # Office Lines: 30 seconds at least, then steps of 6; all minutes at the price of the tier that the total falls in.
    billed = sum(30 + -(-max(call - 30, 0) // 6) * 6 for call in calls) - 36_000 * share
    price = Fraction("4.5") if billed <= 30_000 else Fraction("3.5") if billed <= 120_000 else Fraction("2.5")
    return round(max(billed, 0) * price / 60)


def good_usage(folder):
    """Usage records that break nothing, with their local day in Alabama."""
    rows = read(folder, "usage_records").drop_nulls(["usage_id", "service_id", "usage_timestamp", "usage_type"])
    counts = [pl.col(name).cast(pl.Int64) for name in ("data_usage_bytes", "voice_seconds", "sms_count")]
    at = pl.col("usage_timestamp").str.slice(0, 19).str.replace("T", " ")
    local = at.str.to_datetime(strict=False).dt.replace_time_zone("UTC").dt.convert_time_zone("America/Chicago")
    rows = rows.with_columns(*counts, local.dt.date().alias("day")).filter(pl.col("usage_id").str.len_chars() == 36)
    return (
        rows.drop_nulls("day").filter(pl.col("data_usage_bytes") >= 0, pl.col("voice_seconds") >= 0).unique("usage_id")
    )


def alabama_day(column):
    at = pl.col(column).str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_zone="UTC")
    return at.dt.convert_time_zone("America/Chicago").dt.date().alias(column)


def test_charges_beyond_the_allowance_follow_the_landed_records(longer):
    """Recomputed from the files for every service that was on one of three plans for its whole life."""
    names = ("Mobile 15", "Home Phone", "Office Lines")
    plans = newest(read(longer, "service_plans"), "plan_id").filter(pl.col("plan_name").is_in(names))
    versions = read(longer, "customer_services")
    stayed = versions.group_by("service_id").agg(pl.col("plan_id").n_unique()).filter(pl.col("plan_id") == 1)
    services = newest(versions, "service_id").join(stayed.select("service_id"), on="service_id")
    services = services.join(plans.select("plan_id", "plan_name"), on="plan_id").drop_nulls("activated_at")
    services = services.with_columns(alabama_day("activated_at"), alabama_day("deactivated_at"))
    wrong = pl.read_csv(longer / "truth" / "billing_errors.csv", infer_schema=False)
    usage = good_usage(longer).with_columns(pl.col("day").dt.month_start().alias("month"))
    used = usage.join(services, on="service_id").group_by("service_id", "month").agg(
        pl.col("data_usage_bytes").sum(), pl.col("voice_seconds").sum(), pl.col("voice_seconds").alias("calls"),
        pl.first("plan_name", "activated_at", "deactivated_at"),
    )  # fmt: skip
    overage = whole_charges(longer).filter(pl.col("charge_type") == "overage")
    month = pl.col("charge_period_start").str.to_date().dt.month_start().alias("month")
    found = {row[:2]: row[2] for row in overage.group_by("service_id", month).agg(pl.col("amount").sum()).iter_rows()}
    mistaken = {(row["service_id"], row["billing_period_start"]) for row in wrong.iter_rows(named=True)}
    checked = 0
    for row in used.filter(pl.col("month") < date(2026, 9, 1)).iter_rows(named=True):
        following = (row["month"] + timedelta(days=32)).replace(day=1)
        last = min(row["deactivated_at"] or following, following)
        days, whole = (last - max(row["activated_at"], row["month"])).days, (following - row["month"]).days
        expected = expected_overage(
            row["plan_name"], row["data_usage_bytes"], row["voice_seconds"], row["calls"], days, whole
        )
        if (row["service_id"], row["month"].isoformat()) not in mistaken:
            assert found.get((row["service_id"], row["month"]), 0) * 100 == expected, row
            checked += expected > 0
    assert checked > 25


def test_odd_usage_passes_the_gate(longer):
    """What usage validation has to find is loaded: the guards stop a feed whose records mix kinds."""
    frauds = pl.read_csv(longer / "truth" / "frauds.csv")
    odd = frauds.filter(pl.col("kind") == "impossible_usage")["service_id"].to_list()
    assert odd
    kinds = contract("usage_records").column("usage_type").values
    usage = read(longer, "usage_records").filter(pl.col("service_id").is_in(odd), pl.col("usage_type").is_in(kinds))
    for kind, quantity in (("data", "data_usage_bytes"), ("voice", "voice_seconds"), ("sms", "sms_count")):
        others = usage.filter(pl.col("usage_type") != kind)[quantity].cast(pl.Int64, strict=False).fill_null(0)
        assert others.max() <= 0, kind
