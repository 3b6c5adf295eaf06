"""Revenue assurance against what the sample planted, at seeds that nothing was tuned on, and without anything."""

from collections import Counter
from datetime import date, timedelta

import pytest

from benchmarks.revenue_frames import read_inputs, seed, seed_parameters
from benchmarks.revenue_truth import overall, read_planted, score
from ingestion.sample import accounts, irregular_usage, irregularities, operator, write_sample
from orchestration.analytics.revenue_assurance import (
    COLUMNS,
    Parameters,
    find_billing,
    find_fraud,
    find_usage,
    finding_rows,
)
from orchestration.analytics.revenue_assurance.rows import SEVERITIES, Rule

SIZE = {"customers": 1400, "months": 4, "until": date(2026, 9, 30)}
FRAUDS = ("sim_box", "international", "sim_swap", "account_takeover", "subscription_fraud", "roaming_abuse")
USAGE = ("overlapping_sessions", "distant_cells", "impossible_usage")


def judged(folder):
    """(inputs, everything found, what was planted, what is too young to be found)."""
    inputs, parameters = read_inputs(folder), seed_parameters()
    result = find_billing(inputs, parameters) + find_usage(inputs, parameters) + find_fraud(inputs, parameters)
    late = inputs.as_of_day - timedelta(days=parameters["usage_grace_days"])
    return inputs, result, *read_planted(folder, inputs.judged_from, late)


@pytest.fixture(scope="module", params=[4111, 5227, 6317])
def one(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(f"seed_{request.param}")
    write_sample(folder, seed=request.param, **SIZE)
    return judged(folder)


def test_billing_errors_are_found_and_little_else(one):
    _, result, planted, young = one
    figures = overall(result.found, planted, young)
    assert figures.planted > 15
    assert figures.recall >= 0.9
    assert figures.precision >= 0.8


def test_no_cent_at_stake_is_too_small(one):
    """Every planted price, share, discount and payment is found, whatever it comes to; so is every copy of a charge."""
    _, result, planted, young = one
    scores = score(result.found, planted, young)
    for kind in ("wrong_rate", "proration_error", "discount_not_applied", "discount_past_end", "duplicate_charge",
                 "payment_mismatch", "charge_after_termination", "service_never_billed"):  # fmt: skip
        assert scores[kind].found == scores[kind].planted, kind


def test_frauds_and_impossible_usage_are_found(one):
    _, result, planted, young = one
    figures = overall(result.found, planted, young, (*FRAUDS, *USAGE))
    assert figures.planted >= 8
    assert figures.recall >= 0.8
    assert figures.precision >= 0.8


def test_what_is_at_stake_is_what_was_planted(one):
    """With the sign of who loses: the truth counts what customers were charged too much."""
    inputs, result, planted, _ = one
    assert planted
    wrong = [found for found in result.found if found.finding_kind == "duplicate_charge"]
    amounts = dict(inputs.charges.select("charge_id", "amount_cents").iter_rows())
    for found in wrong:
        ids = found.evidence["charge_ids"]
        assert -found.at_stake_cents == amounts[ids[0]] * (len(ids) - 1)


def test_every_finding_is_a_row_of_the_table(one):
    _, result, _, _ = one
    rules = {row["finding_kind"]: Rule(row["severity"], row["recommended_action"])
             for row in seed("revenue_assurance_rules")}  # fmt: skip
    rows = finding_rows(result.found, rules, seed_parameters())
    assert tuple(rows.columns) == COLUMNS
    assert rows["finding_id"].is_unique
    assert rows["confidence_score"].between(0, 1).all()
    assert set(rows["severity"]) <= set(SEVERITIES)
    assert rows["currency"].notna().equals(rows["amount_at_stake"].notna())


def test_one_cause_is_one_finding(one):
    """No service's period has two findings about the same lines of the bill."""
    _, result, _, _ = one
    lines = Counter(
        (found.service_id, found.billing_period_start)
        for found in result.found
        if found.finding_class == "billing" and found.service_id and found.finding_kind != "duplicate_usage_record"
    )
    assert max(lines.values()) == 1


def test_rules_that_are_switched_off_find_nothing(one):
    inputs, result, _, _ = one
    kinds = {found.finding_kind for found in result.found}
    off = Parameters(seed_parameters().values, frozenset(kinds))
    assert not (find_billing(inputs, off) + find_usage(inputs, off) + find_fraud(inputs, off)).found


def test_clean_data_has_no_finding(tmp_path, monkeypatch):
    """The same operator without a mistake, an odd record or a fraud."""
    monkeypatch.setattr(accounts, "MISTAKES", {})
    monkeypatch.setattr(accounts, "AFTER_TERMINATION", 0)
    for name in ("SMALL_WRONG_RATE", "PRORATION", "PAST_END", "PAYMENT"):
        monkeypatch.setattr(irregularities, name, 0)
    monkeypatch.setattr(irregularities, "SERVICES_PER_FORGOTTEN", 10**9)
    for name, value in (("LINES_PER_CASE", 10**9), ("REPEATED_SHARE", 0), ("LOST_SHARE", 0)):
        monkeypatch.setattr(irregular_usage, name, value)
    monkeypatch.setattr(operator, "plant_frauds", lambda *_: [])
    write_sample(tmp_path, seed=404, **SIZE)
    _, result, planted, young = judged(tmp_path)
    assert (planted, young) == ([], [])
    assert [(found.finding_kind, found.description) for found in result.found] == []
    assert result.said["service_periods_judged"] > 2000
