"""The suites at the raw border: what the rows of a load must be together, as data.

Not here: how a suite is run. Types, lists and ranges are the contract's affair and are not repeated.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Expectation:
    """One expectation: a name, what it means, and SQL that selects the rows that break it.

    `broken` is a query over `{batch}`, the rows of the touched days; `severity` is critical (what stands on the feed is
    not built) or warning.
    """

    name: str
    meaning: str
    broken: str
    severity: str = "critical"


@dataclass(frozen=True)
class Suite:
    """The expectations of one feed. `key` names a failing row; `day` is the SQL of a row's touched day."""

    feed: str
    key: tuple[str, ...]
    day: str
    expectations: tuple[Expectation, ...] = field(default=())


def _where(condition: str) -> str:
    return f"select * from {{batch}} where not ({condition})"


SUITES = {
    suite.feed: suite
    for suite in (
        Suite(
            feed="usage_records",
            key=("usage_id", "usage_timestamp"),
            day="(usage_timestamp at time zone 'UTC')::date",
            expectations=(
                Expectation(
                    "identity_is_unique",
                    "A usage record stands once.",
                    "select usage_id, usage_timestamp from {batch}"
                    " group by usage_id, usage_timestamp having count(*) > 1",
                ),
                Expectation(
                    "quantities_fit_the_kind",
                    "Data has bytes only, a call has seconds only, a message has messages only.",
                    _where(
                        "is_deleted is true or (usage_type = 'data' or data_usage_bytes = 0)"
                        " and (usage_type = 'voice' or voice_seconds = 0) and (usage_type = 'sms' or sms_count = 0)"
                    ),
                ),
                Expectation(
                    "no_call_longer_than_a_day",
                    "A call or session lasts at most 24 hours.",
                    _where("coalesce(voice_seconds, 0) <= 86400 and coalesce(session_seconds, 0) <= 86400"),
                    severity="warning",
                ),
            ),
        ),
        Suite(
            feed="bills",
            key=("bill_id", "bill_version", "updated_at"),
            day="billing_period_start",
            expectations=(
                Expectation(
                    "identity_is_unique",
                    "A version of a bill stands once.",
                    "select bill_id, bill_version, updated_at from {batch}"
                    " group by bill_id, bill_version, updated_at having count(*) > 1",
                ),
                Expectation(
                    "amounts_add_up",
                    "total = subtotal - discount + tax, to the cent.",
                    _where("is_deleted is true or total_amount = subtotal_amount - discount_amount + tax_amount"),
                ),
                Expectation(
                    "period_is_not_empty",
                    "A billing period ends after it starts.",
                    _where("is_deleted is true or billing_period_end > billing_period_start"),
                ),
                Expectation(
                    "due_after_issue",
                    "A bill is due on its day of issue or later.",
                    _where("is_deleted is true or due_date >= issued_on"),
                ),
                Expectation(
                    "paid_has_a_date",
                    "A paid bill says when it was paid.",
                    _where("bill_status is distinct from 'paid' or paid_on is not null"),
                    severity="warning",
                ),
            ),
        ),
    )
}
