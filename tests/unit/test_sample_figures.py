"""The sample's main figures lie in published ranges, and leaving can be learned from its files, but not perfectly.

Ranges are wide, since operators differ; each names where it comes from.
"""

from datetime import date

import numpy as np
import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ingestion.sample import write_sample
from tests.unit.sample_files import manifest, month_of, newest, read, service_months

COUNTS = ["tickets", "overage", "overdue", "outages", "contract_end_near", "is_new", "tenure", "trend", "drop",
          "price_rise"]  # fmt: skip
GB = 2**30


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The sample as the demo has it."""
    folder = tmp_path_factory.mktemp("figures")
    write_sample(folder, until=date(2026, 9, 30))
    return folder


@pytest.fixture(scope="module")
def months(folder):
    return service_months(folder)


@pytest.fixture(scope="module")
def services(folder):
    plans = newest(read(folder, "service_plans"), "plan_id").select("plan_id", "plan_name", "plan_type", "is_prepaid",
                                                                    "is_business", "includes")  # fmt: skip
    return newest(read(folder, "customer_services"), "service_id").join(plans, on="plan_id")


@pytest.fixture(scope="module")
def monthly_gb(folder, services):
    """GB by service and whole month of the last half year, of services in force throughout."""
    usage = read(folder, "usage_records").drop_nulls(["usage_id", "usage_timestamp"]).unique("usage_id")
    size = pl.col("data_usage_bytes").cast(pl.Int64, strict=False).sum() / GB
    totals = usage.group_by("service_id", month_of("usage_timestamp").alias("month")).agg(size.alias("gb"))
    alive = services.filter(pl.col("deactivated_at").is_null(), pl.col("activated_at") < "2026-03-01")
    return totals.filter(pl.col("month").is_between(2026 * 12 + 4, 2026 * 12 + 9)).join(alive, on="service_id")


def test_the_size_is_as_promised(folder):
    counts = manifest(folder)["feeds"]
    assert counts["usage_records"]["rows"] <= 1_500_000
    assert counts["network_performance"]["rows"] <= 500_000
    bills = read(folder, "bills")
    assert bills["billing_period_start"].drop_nulls().min() == "2022-10-01"
    samples = read(folder, "network_performance").filter(pl.col("measurement_timestamp").str.starts_with("20"))
    assert samples["measurement_timestamp"].min() < "2022-10-02"
    hourly = samples.filter(pl.col("interval_seconds") == "3600")
    assert "2025-06-30" < hourly["measurement_timestamp"].min() < "2025-07-02"
    assert hourly.filter(pl.col("element_id").str.len_chars() == 36)["element_id"].n_unique() <= 40
    daily = samples.filter(pl.col("interval_seconds").is_in(["82800", "86400", "90000"]))
    assert daily["busy_hour_throughput_mbps"].null_count() < 0.01 * len(daily)


def test_leaving_can_be_learned_in_part(months):
    """A plain logistic regression over monthly counts, trained on earlier months than it is judged by."""
    known = sorted(months["month"].unique())
    train = months.filter(pl.col("month").is_between(known[3], known[10]))
    later = months.filter(pl.col("month").is_between(known[11], known[-2]))
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    model.fit(train.select(COUNTS).to_numpy(), train["leaves"].to_numpy())
    scores = model.predict_proba(later.select(COUNTS).to_numpy())[:, 1]
    assert later["leaves"].sum() > 40
    assert 0.75 <= roc_auc_score(later["leaves"].to_numpy(), scores) <= 0.85


def test_churn_of_postpaid_lines(services, months):
    """0.8 to 2 % a month: AT&T, Verizon and T-Mobile US reported 0.7 to 1.2 % of postpaid phones in 2023 and 2024,
    UScellular 1.2 to 1.5 % of all postpaid connections in 2023."""
    lines = months.join(
        services.filter(pl.col("is_prepaid") != "true").select("service_id", "plan_type"), on="service_id"
    ).filter(pl.col("plan_type") == "mobile")
    lost = lines.with_columns((pl.col("ended") == pl.col("month") + 1).fill_null(False).alias("lost"))
    closed = lost.filter(pl.col("month") < lost["month"].max())
    assert 0.008 <= closed["lost"].mean() <= 0.020


def test_mobile_data_of_a_line(monthly_gb):
    """10 to 30 GB a month: CTIA's annual survey of 2024 has 100 trillion MB in 2023 over more than half a billion
    connections, some 15 GB each; Ericsson's Mobility Reports of 2024 have some 20 GB a smartphone in North America."""
    lines = monthly_gb.filter((pl.col("plan_type") == "mobile") & pl.col("includes").str.contains("data"))
    lines = lines.filter(pl.col("plan_name") != "IoT Meter")
    assert 10 <= lines["gb"].mean() <= 30


def test_data_of_a_fixed_line(monthly_gb):
    """450 to 800 GB a month: OpenVault's Broadband Insights have a mean of 587 GB at the end of 2022 and 698 GB at the
    end of 2024, with about a fifth of subscribers over 1 TB."""
    lines = monthly_gb.filter(pl.col("plan_type").is_in(["cable", "broadband", "bundle"]))
    assert 450 <= lines["gb"].mean() <= 800
    assert 0.05 <= (lines["gb"] > 1000).mean() <= 0.25


def test_few_subscribers_carry_much_of_the_traffic(monthly_gb):
    """The top tenth of mobile lines carries a quarter to three fifths of the data: a heavy tail, by our judgement."""
    lines = monthly_gb.filter(pl.col("plan_type") == "mobile").group_by("service_id").agg(pl.col("gb").mean())
    ordered = lines["gb"].sort(descending=True)
    assert 0.25 <= ordered[: len(ordered) // 10].sum() / ordered.sum() <= 0.60


def test_overage_is_a_small_part_of_what_is_billed(folder):
    """0.5 to 6 % of the charges: a small part since most plans are unlimited; by our judgement, no source is public."""
    charges = read(folder, "bill_charges").filter(pl.col("charge_type") != "tax")
    amount = charges.with_columns(pl.col("amount").cast(float))
    share = amount.filter(pl.col("charge_type") == "overage")["amount"].sum() / amount["amount"].sum()
    assert 0.005 <= share <= 0.06


def test_availability_of_elements(folder):
    """99.9 to 99.999 %: from common service levels of business access to the five nines asked of carriers' gear."""
    samples = read(folder, "network_performance").filter(pl.col("interval_seconds") == "86400")
    up = samples["availability_seconds"].cast(float, strict=False).drop_nulls()
    up = up.filter(up >= 0)
    assert 0.999 <= up.mean() / 86400 <= 0.99999


def test_bills_are_mostly_paid_in_time(folder):
    """80 to 97 % of bills never become overdue; by our judgement, operators publish bad debt only."""
    bills = read(folder, "bills").filter(
        pl.col("billing_period_start") < "2026-07-01", pl.col("bill_id").str.len_chars() == 36
    )
    overdue = bills.filter(pl.col("bill_status") == "overdue")["bill_id"].n_unique()
    assert 0.80 <= 1 - overdue / bills["bill_id"].n_unique() <= 0.97


def test_the_busy_hour_is_in_the_evening(folder):
    """Home traffic peaks in the evening; the FCC's Measuring Broadband America takes 19 to 23 o'clock as peak hours."""
    usage = read(folder, "usage_records").filter(pl.col("usage_type") == "data").drop_nulls("usage_timestamp")
    at = pl.col("usage_timestamp").str.slice(0, 19).str.replace("T", " ").str.to_datetime(strict=False)
    local = at.dt.replace_time_zone("UTC").dt.convert_time_zone("America/Chicago")
    size = pl.col("data_usage_bytes").cast(pl.Int64, strict=False).sum()
    by_hour = usage.group_by(local.dt.hour().alias("hour")).agg(size.alias("bytes")).drop_nulls().sort("bytes")
    assert by_hour["hour"][-1] in range(18, 23)
    assert by_hour["bytes"][-1] > 3 * by_hour["bytes"][0]


def test_some_cells_fill_up(folder):
    """By the last month some elements stand over 80 % in their busy hour, most do not; two years before, fewer did."""
    samples = read(folder, "network_performance").filter(pl.col("interval_seconds") == "86400")
    capacity = pl.col("capacity_mbps").cast(float)
    elements = newest(read(folder, "network_elements"), "element_id").select("element_id", capacity)
    share = pl.col("busy_hour_throughput_mbps").cast(float, strict=False) / pl.col("capacity_mbps")
    busy = samples.join(elements, on="element_id").group_by(
        "element_id", pl.col("measurement_timestamp").str.slice(0, 7).alias("month")
    )
    high = busy.agg(share.quantile(0.9).alias("share"))
    full = {month: (high.filter(pl.col("month") == month)["share"] > 0.8).mean() for month in ("2024-09", "2026-09")}
    assert full["2024-09"] < full["2026-09"]
    assert 0.03 <= full["2026-09"] <= 0.35


def test_campaigns_help(folder):
    """Held-out members leave more often than contacted ones, over the whole history."""
    truth = pl.read_csv(folder / "truth" / "campaigns.csv")
    left = truth.group_by("is_control").agg(pl.col("left_within_3_months").mean().alias("left")).sort("is_control")
    assert len(truth) > 1000
    assert np.diff(left["left"])[0] > 0
