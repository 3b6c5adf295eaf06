"""Findings of revenue assurance against what the sample planted: what was found, what was missed, what is no error.

Not here: finding. A finding is right where it names the planted error's service and period, bill, record or line.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from orchestration.analytics.revenue_assurance import Found

# The kinds of finding that are an answer to a planted kind.
ANSWERS = {
    "duplicate_charge": {"duplicate_charge"},
    "missed_charge": {"missed_charge", "usage_not_billed", "rated_differently"},
    "wrong_rate": {"rated_differently", "proration_error"},
    "proration_error": {"proration_error", "rated_differently"},
    "discount_not_applied": {"discount_not_applied"},
    "discount_past_end": {"discount_past_end"},
    "charge_after_termination": {"billed_after_termination"},
    "payment_mismatch": {"payment_mismatch"},
    "service_never_billed": {"service_never_billed"},
    "duplicate_usage_record": {"duplicate_usage_record"},
    "sequence_gap": {"sequence_gap"},
    "sim_box": {"sim_box"},
    "international": {"international_revenue_share"},
    "sim_swap": {"account_takeover"},
    "account_takeover": {"account_takeover"},
    "subscription_fraud": {"subscription_fraud", "international_revenue_share"},
    "roaming_abuse": {"roaming_abuse"},
    "overlapping_sessions": {"overlapping_sessions"},
    "distant_cells": {"distant_cells_at_once"},
    "impossible_usage": {"impossible_usage"},
}
BILLING_KINDS = tuple(ANSWERS)[:11]
Planted = tuple[str, tuple[str, ...]]


@dataclass(frozen=True)
class Score:
    """Of one planted kind: how many there are, were found, and of the findings of its kinds how many are right."""

    planted: int
    found: int
    findings: int
    right: int

    @property
    def recall(self) -> float | None:
        return self.found / self.planted if self.planted else None

    @property
    def precision(self) -> float | None:
        return self.right / self.findings if self.findings else None


def read_planted(folder: Path, judged_from: date, usage_until: date) -> tuple[list[Planted], list[Planted]]:
    """(every planted error of bills from `judged_from` on and every planted line, lost records that are too young).

    Records lost in the month of `usage_until` or later may still come, and what began before `judged_from` may be out
    of sight: they need not be found.
    """
    young: list[Planted] = []
    found: dict[Planted, None] = {}
    for row in _rows(folder, "billing_errors"):
        is_judged = judged_from <= date.fromisoformat(row["billing_period_start"])
        if is_judged or row["kind"] == "payment_mismatch":
            key = {"payment_mismatch": (row["bill_id"],), "service_never_billed": (row["service_id"],)}
            one = (row["kind"], key.get(row["kind"], (row["service_id"], row["billing_period_start"])))
            if is_judged:
                found[one] = None
            else:
                young.append(one)
    for row in _rows(folder, "usage_errors"):
        month = date.fromisoformat(row["month"])
        is_gap = row["kind"] == "sequence_gap"
        key_of = (row["mediation_source"], row["first_sequence"]) if is_gap else (row["service_id"], row["month"])
        if month >= judged_from and (month < usage_until.replace(day=1) or not is_gap):
            found[row["kind"], key_of] = None
        else:
            young.append((row["kind"], key_of))
    for row in _rows(folder, "frauds"):
        if date.fromisoformat(row["begins_at"][:10]) >= judged_from:
            found[row["kind"], (row["service_id"],)] = None
        else:
            young.append((row["kind"], (row["service_id"],)))
    return list(found), young


def _rows(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / "truth" / f"{name}.csv").open(encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def _keys(one: Found) -> set[tuple[str, ...]]:
    """The ways in which a finding may be named by the truth."""
    service, period = one.service_id or "", str(one.billing_period_start)
    keys = {(service, period), (service,), (one.bill_id or "",), one.parts}
    return {key for key in keys if all(key)}


def answers_of(planted: Sequence[Planted]) -> dict[str, set[tuple[str, ...]]]:
    """By kind of finding what it may rightly name."""
    truth: dict[str, set[tuple[str, ...]]] = {}
    for kind, key in planted:
        for answer in ANSWERS[kind]:
            truth.setdefault(answer, set()).add(key)
    return truth


def score(found: Sequence[Found], planted: Sequence[Planted], young: Sequence[Planted] = ()) -> dict[str, Score]:
    """By planted kind; a finding of a kind that answers several is right if it answers one of them."""
    by_kind: dict[str, set[tuple[str, ...]]] = {}
    for one in found:
        by_kind.setdefault(one.finding_kind, set()).update(_keys(one))
    truth = answers_of([*planted, *young])
    scores = {}
    for kind, answers in ANSWERS.items():
        own = [key for name, key in planted if name == kind]
        hit = sum(any(key in by_kind.get(answer, ()) for answer in answers) for key in own)
        claims = [one for one in found if one.finding_kind in answers]
        right = sum(is_right(one, truth) for one in claims)
        scores[kind] = Score(len(own), hit, len(claims), right)
    return scores


def is_right(one: Found, truth: Mapping[str, set[tuple[str, ...]]]) -> bool:
    return bool(_keys(one) & truth.get(one.finding_kind, set()))


def overall(
    found: Sequence[Found], planted: Sequence[Planted], young: Sequence[Planted] = (),
    kinds: Sequence[str] = BILLING_KINDS,
) -> Score:  # fmt: skip
    """All planted errors of these kinds together; each finding of their answers counts once."""
    own = [one for one in planted if one[0] in kinds]
    scores, truth = score(found, own), answers_of([*own, *young])
    names = {answer for kind in kinds for answer in ANSWERS[kind]}
    claims = [one for one in found if one.finding_kind in names]
    return Score(len(own), sum(scores[kind].found for kind in kinds), len(claims),
                 sum(is_right(one, truth) for one in claims))  # fmt: skip
