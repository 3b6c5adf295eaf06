"""What goes wrong with charges and payments beyond the plain mistakes, each kind with random numbers of its own.

Not here: mistakes that accounts plants itself, irregular usage. Everything that is not planted stays as it was.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from ingestion.sample.clock import NEVER, Clock, Ints, dollars, uuids
from ingestion.sample.customers import People
from ingestion.sample.geography import PROVIDERS
from ingestion.sample.life import Life
from ingestion.sample.rating import share_cents
from ingestion.sample.tariffs import Tariffs, plan_array

# Of all charges, of partial recurring charges, of all charges, and of all bills (each of four ways).
SMALL_WRONG_RATE, PRORATION, PAST_END, PAYMENT = 0.0002, 0.01, 0.0001, 0.0002
PAST_END_DAYS = 180
# The mistake of charges that never reach a bill, one service in so many.
FORGOTTEN, SERVICES_PER_FORGOTTEN = "service_never_billed", 1500
PAYMENT_WAYS = ("missing", "other_amount", "twice", "without_bill")


def more_mistakes(
    clock: Clock, month: int, charges: pl.DataFrame, spoilt: Ints, people: People, life: Life, tariffs: Tariffs
) -> pl.DataFrame:
    """The charges with wrong cents, shares of a period a day off, and discounts after their end among them.

    Args:
        clock: of the simulation.
        month: its index.
        charges: with the columns that accounts gives them, `mistake` and `stake` among them.
        spoilt: services that have a mistake this month already; they get no second one.
        people: of the operator.
        life: theirs.
        tariffs: the price of every plan and month.
    """
    rng = clock.random(f"more mistakes {month}")
    bounds = clock.month_bounds()
    whole = int(bounds[month + 1] - bounds[month])
    draw, cents = rng.random(len(charges)), rng.integers(1, 10, len(charges)) * rng.choice([-1, 1], len(charges))
    free = ~charges["service"].is_in(spoilt) & charges["mistake"].is_null()
    kind, amount = charges["charge_type"], charges["amount"]
    first, last, service = (charges[name].to_numpy() for name in ("first", "last", "service"))
    days = last - first
    may = (free & kind.is_in(["recurring", "overage", "usage"]) & (amount > 100)).to_numpy()
    wrong = may & (draw < SMALL_WRONG_RATE * len(charges) / max(int(may.sum()), 1))
    partial = (free & (kind == "recurring") & (amount > 100)).to_numpy() & (days < whole) & ~wrong
    # A day too many or too few.
    price = tariffs.prices[charges["plan"].to_numpy(), month]
    other = share_cents(price, days + np.where((cents > 0) | (days < 2), 1, -1), np.full(len(days), whole))
    prorated = partial & (rng.random(len(charges)) < PRORATION) & (other != amount.to_numpy())
    more = np.where(wrong, cents, np.where(prorated, other - amount.to_numpy(), 0))
    names = pl.Series(np.where(wrong, "wrong_rate", "proration_error"), dtype=pl.String)
    changed = charges.with_columns(
        pl.Series("amount", amount.to_numpy() + more), (charges["stake"] + more).alias("stake"),
        charges["mistake"].set(pl.Series(wrong | prorated), None).zip_with(~pl.Series(wrong | prorated), names)
        .alias("mistake"),
    )  # fmt: skip
    ended = people.discount_end[service]
    over = (free & (kind == "recurring")).to_numpy() & ~wrong & ~prorated
    over &= (ended < first) & (ended >= first - PAST_END_DAYS) & (life.ended_day[service] >= bounds[month + 1])
    over &= rng.random(len(charges)) < PAST_END * len(charges) / max(int(over.sum()), 1)
    return pl.concat([changed, _late_discounts(changed.filter(pl.Series(over)), people, price[over], whole)])


def never_billed(clock: Clock, people: People, life: Life) -> Ints:
    """Services, some months old, that nobody bills; their accounts have an older one with the same provider."""
    rng = clock.random("never billed")
    as_of = clock.last_ordinal
    provider = plan_array("provider")[people.first_plan]
    lives = life.ended >= NEVER
    oldest = np.full((len(people.customer_ids), len(PROVIDERS)), NEVER, dtype=np.int64)
    np.minimum.at(oldest, (people.customer[lives], provider[lives]), people.activated_day[lives])
    fits = lives & (people.activated_day < as_of - 70) & (people.activated_day > as_of - 400)
    fits &= oldest[people.customer, provider] < people.activated_day - 31
    choices = np.flatnonzero(fits)
    return np.sort(rng.choice(choices, min(len(people) // SERVICES_PER_FORGOTTEN, len(choices)), replace=False))


def forget(charges: pl.DataFrame, services: Ints) -> pl.DataFrame:
    """Marks every charge of services that are never billed; at stake is what it should have been."""
    own = charges["service"].is_in(services)
    return charges.with_columns(
        (pl.col("stake") - pl.when(own).then("amount").otherwise(0)).alias("stake"),
        pl.when(own).then(pl.lit(FORGOTTEN)).otherwise("mistake").alias("mistake"),
    )


def _late_discounts(charges: pl.DataFrame, people: People, price: Ints, whole: int) -> pl.DataFrame:
    """The discounts that these recurring charges had until they ended."""
    service = charges["service"].to_numpy()
    days = (charges["last"] - charges["first"]).to_numpy()
    length = np.full(len(days), whole)
    percentage = people.discount_percentage[service]
    by_share = share_cents(price * percentage, days, length * 100)
    by_amount = np.minimum(share_cents(people.discount_cents[service], days, length), charges["amount"].to_numpy())
    cut = -np.where(percentage > 0, by_share, by_amount)
    return charges.with_columns(
        pl.lit("discount").alias("charge_type"), pl.lit("Discount").alias("description"),
        pl.lit("discount_past_end").alias("mistake"), pl.Series("amount", cut, dtype=pl.Int64),
        pl.Series("stake", cut, dtype=pl.Int64), pl.lit(1.0).alias("quantity"),
    )  # fmt: skip


def spoil_payments(clock: Clock, month: int, payments: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(payments with some missing, of another amount, made twice or naming no bill; bill_id and cents of each)."""
    rng = clock.random(f"payment mistakes {month}")
    draw, cents = rng.random(len(payments)), rng.integers(1, 501, len(payments)) * rng.choice([-1, 1], len(payments))
    way = np.full(len(payments), -1)
    for index in range(len(PAYMENT_WAYS)):
        way[(draw >= index * PAYMENT) & (draw < (index + 1) * PAYMENT)] = index
    paid = (payments["amount"].cast(pl.Float64) * 100).round().cast(pl.Int64).to_numpy()
    way[(payments["payment_status"] != "settled").to_numpy() | (paid <= 600)] = -1
    missing, other, twice, unnamed = (pl.Series(way == index) for index in range(len(PAYMENT_WAYS)))
    off = paid + np.where(other, cents, 0)
    kept = payments.with_columns(dollars(off).alias("amount"), payments["bill_id"].set(unnamed, None)).filter(~missing)
    again = payments.filter(twice)
    again = again.with_columns(uuids(rng, len(again)).alias("payment_id"))
    stake = np.select([missing | unnamed, other, twice], [-paid, cents, paid], 0)
    planted = payments.select("bill_id").with_columns(pl.Series("cents", stake)).filter(pl.Series(way >= 0))
    return pl.concat([kept, again]), planted
