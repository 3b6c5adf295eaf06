"""What revenue assurance looks at: frames with fixed columns, and the thresholds.

Not here: where they are read from; what is looked for in them. Money is whole hundredths of its currency.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import TypeAlias

import polars as pl

from orchestration.analytics.rating import TariffVersion

Schema: TypeAlias = dict[str, pl.DataType | type[pl.DataType]]
LAST_DAY = date(9999, 12, 31)
KIND_NAMES = ("data", "voice", "sms")
# What usage is joined and grouped by stands as codes, of which Polars does twice as many in a second as of text.
_CODE = pl.Categorical
SERVICES: Schema = {
    "service_id": _CODE, "customer_id": pl.String, "provider_id": pl.String, "plan_id": pl.String,
    "from_day": pl.Date, "activated_day": pl.Date, "deactivated_day": pl.Date,
    "activated_at": pl.Datetime("us", "UTC"), "deactivated_at": pl.Datetime("us", "UTC"),
    "discount_type": pl.String, "discount_value": pl.String, "discount_end": pl.Date, "is_mobile": pl.Boolean,
}  # fmt: skip
BILLS: Schema = {
    "bill_id": pl.String, "provider_id": pl.String, "customer_id": pl.String, "billing_period_start": pl.Date,
    "billing_period_end": pl.Date, "issued_on": pl.Date, "due_date": pl.Date, "currency": pl.String,
    "total_cents": pl.Int64, "bill_status": pl.String, "paid_on": pl.Date,
}  # fmt: skip
CHARGES: Schema = {
    "charge_id": pl.String, "bill_id": pl.String, "service_id": _CODE, "plan_id": pl.String,
    "charge_type": pl.String, "charge_period_start": pl.Date, "charge_period_end": pl.Date, "description": pl.String,
    "amount_cents": pl.Int64,
}  # fmt: skip
PAYMENTS: Schema = {
    "payment_id": pl.String, "bill_id": pl.String, "customer_id": pl.String, "currency": pl.String,
    "amount_cents": pl.Int64, "payment_status": pl.String, "paid_day": pl.Date,
}  # fmt: skip
# Kind is the index in data, voice, sms; flags are the rating engine's; start is the provider's wall clock in seconds.
USAGE: Schema = {
    "usage_id": pl.String, "service_id": _CODE, "element_id": _CODE, "device_id": _CODE,
    "usage_timestamp": pl.Datetime("us", "UTC"), "day": pl.Date, "kind": pl.Int8, "flags": pl.Int8,
    "quantity": pl.Int64, "voice_seconds": pl.Int64, "session_seconds": pl.Int64, "start": pl.Int64,
    "counterparty_hash": _CODE, "counterparty_country": _CODE, "mediation_source": _CODE,
    "source_sequence": pl.Int64,
}  # fmt: skip
ELEMENTS: Schema = {"element_id": _CODE, "latitude": pl.Float64, "longitude": pl.Float64}
ORDERS: Schema = {"service_id": _CODE, "order_type": pl.String, "completed_at": pl.Datetime("us", "UTC")}
QUARANTINED: Schema = {"mediation_source": _CODE, "source_sequence": pl.Int64}
PLANS: Schema = {"plan_id": pl.String, "speed_mbps_down": pl.Float64}


@dataclass(frozen=True)
class Inputs:
    """Frames with the columns above.

    `services` has every version of a service, `charges` those of the judged bills and of the bills before, `usage` the
    records of the days from `usage_from` on; `billed_services` are those that ever had a recurring charge.
    `first_usage_day` says by provider since when there is usage detail at all.
    """

    as_of: datetime
    as_of_day: date
    judged_from: date
    usage_from: date
    tariffs: Mapping[str, Sequence[TariffVersion]]
    first_usage_day: Mapping[str, date]
    services: pl.DataFrame
    bills: pl.DataFrame
    charges: pl.DataFrame
    payments: pl.DataFrame
    usage: pl.DataFrame
    elements: pl.DataFrame
    orders: pl.DataFrame
    quarantined: pl.DataFrame
    plans: pl.DataFrame
    billed_services: pl.Series
    high_risk_countries: frozenset[str]

    @cached_property
    def repeated(self) -> pl.DataFrame:
        """The usage records that say the same as an earlier one under another id."""
        return repeated_records(self.usage)

    def usage_once(self, columns: Sequence[str] | None = None, services: pl.DataFrame | None = None) -> pl.DataFrame:
        """Usage records without those: these columns, of these services only (a frame with service_id)."""
        own = self.usage.lazy()
        if services is not None:
            own = own.join(services.lazy(), on="service_id", how="semi")
        if len(self.repeated):
            own = own.filter(~pl.col("usage_id").is_in(self.repeated["usage_id"].implode()))
        return (own if columns is None else own.select(columns)).collect()

    def newest_services(self) -> pl.DataFrame:
        """One row per service: its newest version."""
        return self.services.sort("service_id", "from_day").unique("service_id", keep="last", maintain_order=True)


_CONTENT = ["service_id", "usage_timestamp", "kind", "quantity", "flags", "counterparty_hash", "device_id",
            "session_seconds"]  # fmt: skip


def repeated_records(usage: pl.DataFrame) -> pl.DataFrame:
    """The records that say the same as an earlier one (in the order of ids) under another id."""
    content = pl.struct(_CONTENT).hash(seed=1).alias("content")
    often = usage.select(content).filter(pl.col("content").is_duplicated())["content"].unique()
    if often.is_empty():
        return usage.clear()
    candidates = usage.filter(pl.struct(_CONTENT).hash(seed=1).is_in(often.implode()))
    ordered = candidates.sort("source_sequence", "usage_id", nulls_last=True)
    return ordered.filter(~pl.struct(_CONTENT).is_first_distinct()).sort("usage_timestamp", "usage_id")


@dataclass(frozen=True)
class Parameters:
    """Thresholds by name, as the seed revenue_assurance_parameters has them, and the rules that are switched off."""

    values: Mapping[str, float]
    disabled: frozenset[str] = frozenset()

    def __getitem__(self, name: str) -> float:
        if name not in self.values:
            raise KeyError(f"parameter {name} is missing; the seed revenue_assurance_parameters has {len(self.values)}")
        return self.values[name]
