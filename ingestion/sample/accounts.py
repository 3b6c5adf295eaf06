"""Charges to bills with tax, balances and states, and the billing mistakes that are planted on the way.

Not here: what a charge should be; payments.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from ingestion.sample.billing import Rater, month_charges, tax_cents
from ingestion.sample.clock import (
    DAY,
    NEVER,
    Bools,
    Clock,
    Ints,
    dates,
    decimals,
    dollars,
    stamps,
    uuids,
)
from ingestion.sample.customers import People
from ingestion.sample.geography import Geography
from ingestion.sample.irregular_usage import Irregular
from ingestion.sample.irregularities import FORGOTTEN, forget, more_mistakes, never_billed, spoil_payments
from ingestion.sample.life import UNPAID, Life
from ingestion.sample.paying import pay
from ingestion.sample.tariffs import Tariffs, plan_array
from ingestion.sample.usage import MonthUsage, UsageMaker

ISSUED_AFTER_DAYS, DUE_AFTER_DAYS, WRITTEN_OFF_AFTER_DAYS = 2, 20, 120
# Of all charges; the limit is half a percent.
MISTAKES = {"duplicate_charge": 0.0007, "missed_charge": 0.0007, "wrong_rate": 0.0007, "discount_not_applied": 0.0004}
AFTER_TERMINATION = 0.04


@dataclass(frozen=True)
class MonthBills:
    """One month's rows of the three feeds and, at the same time, the records that its usage charges stand for."""

    month: int
    usage: MonthUsage | None
    bills: pl.DataFrame
    charges: pl.DataFrame
    payments: pl.DataFrame


@dataclass
class Accounts:
    """Bills month after month; `mistakes` is what was planted."""

    clock: Clock
    geography: Geography
    people: People
    life: Life
    tariffs: Tariffs
    usage: UsageMaker
    irregular: Irregular
    # Customers, those of subscription frauds.
    never_pays: Bools
    mistakes: list[pl.DataFrame] = field(default_factory=list)
    charge_count: int = 0
    _open: pl.DataFrame | None = None
    _lost: pl.DataFrame = field(default_factory=pl.DataFrame)

    def __post_init__(self) -> None:
        self.bounds = self.clock.month_bounds()
        self.rater = Rater(self.people, self.life)
        self.provider = plan_array("provider")[self.people.first_plan]
        self.forgotten = never_billed(self.clock, self.people, self.life)
        self.hardware = self.clock.random("hardware").random(len(self.people)) < 0.45

    def months(self) -> Iterator[MonthBills]:
        """Every month of the history; one that is not billed yet has its usage only."""
        for month in range(len(self.bounds) - 1):
            yield self._bill(month)

    def _bill(self, month: int) -> MonthBills:
        usage = None
        if month >= self.clock.detail_month:
            usage = self.irregular.month(month, self.usage.month(month))
        if int(self.bounds[month + 1]) + ISSUED_AFTER_DAYS > self.clock.last_ordinal:
            nothing = pl.DataFrame()
            return MonthBills(month, usage, nothing, nothing, nothing)
        rng = self.clock.random(f"bills {month}")
        charges = month_charges(
            self.people, self.life, self.tariffs, self.rater, self.bounds, month, self.hardware, usage
        )
        charges = self._mistaken(rng, month, self._owners(charges))
        named = charges.filter(pl.col("mistake").is_not_null())
        spoilt = np.concatenate([self._lost["service"].to_numpy(), named["service"].to_numpy()])
        spoilt = np.concatenate([spoilt, self.forgotten])
        charges = forget(charges, self.forgotten)
        charges = more_mistakes(self.clock, month, charges, spoilt, self.people, self.life, self.tariffs)
        return self._month(rng, month, usage, charges)

    def _owners(self, charges: pl.DataFrame) -> pl.DataFrame:
        service = charges["service"].to_numpy()
        return charges.with_columns(
            pl.Series("customer", self.people.customer[service]), pl.Series("provider", self.provider[service])
        ).sort("customer", "provider", "service", "first", "charge_type", "description")

    def _mistaken(self, rng: np.random.Generator, month: int, charges: pl.DataFrame) -> pl.DataFrame:
        """The charges with some mistakes, each named in `mistake` with the cents too many (or too few) in `stake`."""
        draw, kind = rng.random(len(charges)), charges["charge_type"]
        none = pl.Series([None] * len(charges), dtype=pl.String)
        mistake, edge = none, 0.0
        for name, share in MISTAKES.items():
            fits = {
                "missed_charge": kind.is_in(["overage", "usage", "equipment"]),
                "discount_not_applied": kind == "discount",
            }
            own = fits.get(name, (kind == "recurring") & (charges["amount"] > 100))
            share_of = share * len(charges) / max(int(own.sum()), 1)
            mistake = mistake.set(own & pl.Series((draw >= edge) & (draw < edge + share_of)), name)
            edge += share_of
        marked = charges.with_columns(mistake.alias("mistake"), pl.lit(0, pl.Int64).alias("stake"))
        twice = marked.filter(pl.col("mistake") == "duplicate_charge").with_columns(pl.col("amount").alias("stake"))
        gone = pl.col("mistake").is_in(["missed_charge", "discount_not_applied"]).fill_null(False)
        lost = marked.filter(gone).with_columns((-pl.col("amount")).alias("stake"))
        wrong = pl.col("mistake").fill_null("") == "wrong_rate"
        more = pl.when(wrong).then((pl.col("amount") * 0.1).round().cast(pl.Int64) + 1).otherwise(0)
        kept = marked.filter(~gone).with_columns(more.alias("stake"), (pl.col("amount") + more).alias("amount"))
        kept = kept.with_columns(pl.when(wrong).then("mistake").alias("mistake"))
        self._lost = lost
        late = self._after_termination(rng, month, marked.schema)
        return pl.concat([kept, twice, late]).sort("customer", "provider", "service", "first", maintain_order=True)

    def _after_termination(self, rng: np.random.Generator, month: int, schema: pl.Schema) -> pl.DataFrame:
        """Of the services that ended in the month before, some are charged once more."""
        if month == 0:
            return pl.DataFrame(schema=schema)
        ended = (self.life.ended_day >= self.bounds[month - 1]) & (self.life.ended_day < self.bounds[month])
        service = np.flatnonzero(ended & (rng.random(len(ended)) < AFTER_TERMINATION))
        plan = self.life.plan[service, month - 1]
        price = self.tariffs.prices[plan, month]
        frame = pl.DataFrame(
            {
                "service": service, "plan": plan, "amount": price, "first": np.full(len(service), self.bounds[month]),
                "last": np.full(len(service), self.bounds[month + 1]), "quantity": np.ones(len(service)),
                "customer": self.people.customer[service], "provider": self.provider[service], "stake": price,
            }
        ).with_columns(
            pl.lit("recurring").alias("charge_type"), pl.lit("Plan").alias("description"),
            pl.lit("charge_after_termination").alias("mistake"),
        )  # fmt: skip
        return frame.select([pl.col(name).cast(kind) for name, kind in schema.items()])

    def _month(
        self, rng: np.random.Generator, month: int, usage: MonthUsage | None, charges: pl.DataFrame
    ) -> MonthBills:
        owner = ["customer", "provider"]
        kind = pl.col("charge_type") == "discount"
        # Charges that never reach a bill keep their place among the ids.
        forgotten = pl.col("mistake").fill_null("") == FORGOTTEN
        bills = (
            charges.filter(~forgotten)
            .group_by(owner, maintain_order=True)
            .agg(
                pl.col("amount").filter(~kind).sum().alias("subtotal"),
                (-pl.col("amount").filter(kind).sum()).alias("discount"),
            )
        )
        tax = tax_cents((bills["subtotal"] - bills["discount"]).to_numpy())
        bills = bills.with_columns(pl.Series("tax", tax), uuids(rng, len(bills)).alias("bill_id"))
        bills = bills.with_columns((pl.col("subtotal") - pl.col("discount") + pl.col("tax")).alias("total"))
        self._keep_truth(month, charges, bills)
        taxes = bills.filter(pl.col("tax") > 0).with_columns(
            pl.lit("tax").alias("charge_type"), pl.col("tax").alias("amount")
        )
        first, last = int(self.bounds[month]), int(self.bounds[month + 1])
        taxes = taxes.with_columns(
            pl.lit(first).alias("first"), pl.lit(last).alias("last"), pl.lit("Taxes").alias("description")
        )
        rows = pl.concat([charges.join(bills.select(*owner, "bill_id"), on=owner), taxes], how="diagonal_relaxed")
        # What was planted later comes last, so that the other charges keep their ids.
        rows = rows.sort(pl.col("mistake").fill_null("") == "discount_past_end", maintain_order=True)
        self.charge_count += len(rows)
        versions, paid_day = self._versions(rng, month, bills)
        due = int(self.bounds[month + 1]) + ISSUED_AFTER_DAYS + DUE_AFTER_DAYS
        payments = pay(self.clock, self.people, rng, bills, due, paid_day)
        never = bills.filter(pl.Series(self._never_pays(bills)))["bill_id"]
        payments = payments.filter((payments["payment_status"] == "failed") | ~payments["bill_id"].is_in(never))
        payments, spoilt = spoil_payments(self.clock, month, payments)
        self._keep_payments(month, spoilt)
        charge_rows = self._charge_rows(rng, rows, last).filter(rows["mistake"].fill_null("") != FORGOTTEN)
        return MonthBills(month, usage, versions, charge_rows, payments)

    def _never_pays(self, bills: pl.DataFrame) -> Bools:
        """Bills of subscription frauds: nothing that their customers owe is paid."""
        found: Bools = self.never_pays[bills["customer"].to_numpy()]
        return found

    def _keep_payments(self, month: int, spoilt: pl.DataFrame) -> None:
        nothing, start = pl.lit(None, pl.String), self.clock.months()[month].isoformat()
        self.mistakes.append(
            spoilt.select(
                "bill_id", nothing.alias("service_id"), pl.lit(start).alias("billing_period_start"),
                pl.lit("payment_mismatch").alias("kind"), nothing.alias("charge_type"), "cents",
            )
        )  # fmt: skip

    def _keep_truth(self, month: int, charges: pl.DataFrame, bills: pl.DataFrame) -> None:
        wrong = pl.concat([charges.filter(pl.col("mistake").is_not_null()), self._lost])
        wrong = wrong.join(bills.select("customer", "provider", "bill_id"), on=["customer", "provider"], how="left")
        wrong = wrong.with_columns(
            dates(np.full(len(wrong), self.bounds[month])).alias("billing_period_start"),
            self.people.service_ids.gather(wrong["service"]).alias("service_id"),
        )
        self.mistakes.append(
            wrong.filter(pl.col("stake") != 0).select(
                "bill_id", "service_id", "billing_period_start", pl.col("mistake").alias("kind"), "charge_type",
                pl.col("stake").alias("cents"),
            )
        )  # fmt: skip

    def _charge_rows(self, rng: np.random.Generator, rows: pl.DataFrame, last: int) -> pl.DataFrame:
        quantity = rows["quantity"].fill_null(float("nan")).to_numpy()
        return rows.select(
            uuids(rng, len(rows)).alias("charge_id"), "bill_id", pl.lit("1").alias("bill_version"),
            self.people.service_ids.gather(rows["service"]).alias("service_id"),
            self.tariffs.plan_ids.gather(rows["plan"]).alias("plan_id"), "charge_type",
            dates(rows["first"].to_numpy()).alias("charge_period_start"),
            dates(rows["last"].to_numpy()).alias("charge_period_end"), "description",
            decimals(quantity, 4).alias("quantity"), dollars(rows["amount"].to_numpy()).alias("amount"),
            pl.lit(last + ISSUED_AFTER_DAYS).alias("_day"),
        )  # fmt: skip

    def _versions(self, rng: np.random.Generator, month: int, bills: pl.DataFrame) -> tuple[pl.DataFrame, Ints]:
        """The bill as issued, overdue, paid or written off, as far as each is known; and the days of payment."""
        issued = int(self.bounds[month + 1]) + ISSUED_AFTER_DAYS
        due, count = issued + DUE_AFTER_DAYS, len(bills)
        late = self.life.late_days[bills["customer"].to_numpy(), month]
        paid = np.where(late == UNPAID, NEVER, np.maximum(due + late, issued + 1))
        paying, paid = paid, np.where(self._never_pays(bills), NEVER, paid)
        previous = self._balance(bills, issued, paid)
        is_draft = rng.random(count) < 0.001
        base = bills.select(
            "bill_id", pl.lit("1").alias("bill_version"),
            self.geography.provider_ids.gather(bills["provider"]).alias("provider_id"),
            self.people.customer_ids.gather(bills["customer"]).alias("customer_id"),
            *[
                dates(np.full(count, day)).alias(name)
                for name, day in (("billing_period_start", self.bounds[month]),
                                  ("billing_period_end", self.bounds[month + 1]),
                                  ("issued_on", issued), ("due_date", due))
            ],
            pl.lit("USD").alias("currency"),
            *[
                dollars(bills[name].to_numpy()).alias(f"{name}_amount")
                for name in ("subtotal", "discount", "tax", "total")
            ],
            dollars(previous).alias("previous_balance_amount"),
            dollars(bills["total"].to_numpy() + previous).alias("amount_due"),
        )  # fmt: skip
        first = pl.Series(np.where(is_draft, "draft", "issued"), dtype=pl.String)
        states = [(base, first, np.full(count, issued), 12)]
        for name, day, hour in (
            ("overdue", np.where(paid > due + 1, due + 1, NEVER), 6), ("paid", paid, 18),
            ("written_off", np.where(paid == NEVER, due + WRITTEN_OFF_AFTER_DAYS, NEVER), 6),
        ):  # fmt: skip
            known = (day <= self.clock.last_ordinal) & ~is_draft
            state = pl.Series([name] * int(known.sum()), dtype=pl.String)
            states.append((base.filter(pl.Series(known)), state, day[known], hour))
        versions = pl.concat(
            frame.with_columns(
                state.alias("bill_status"),
                (dates(day) if hour == 18 else pl.Series([None] * len(frame), dtype=pl.String)).alias("paid_on"),
                stamps(day * DAY + hour * 3600).alias("updated_at"),
                pl.Series("_day", day, dtype=pl.Int64),
            )
            for frame, state, day, hour in states
        )
        # Attempts to pay are drawn as if everybody paid, so that the others' stay what they are.
        return versions, np.where(is_draft, NEVER, paying)

    def _balance(self, bills: pl.DataFrame, issued: int, paid: Ints) -> Ints:
        """What the same account still owes for earlier bills at the issue."""
        owner = ["customer", "provider"]
        result = np.zeros(len(bills), dtype=np.int64)
        if self._open is not None:
            unpaid = self._open.filter((pl.col("paid") > issued) & (pl.col("gone") > issued))
            owed = unpaid.group_by(owner).agg(pl.col("total").sum().alias("owed"))
            result = bills.join(owed, on=owner, how="left", maintain_order="left")["owed"].fill_null(0).to_numpy()
            self._open = unpaid
        gone = issued + DUE_AFTER_DAYS + WRITTEN_OFF_AFTER_DAYS
        new = bills.select(*owner, "total").with_columns(pl.Series("paid", paid), pl.lit(gone).alias("gone"))
        self._open = new if self._open is None else pl.concat([self._open, new])
        return result
