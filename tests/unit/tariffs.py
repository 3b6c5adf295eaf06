"""Plans, rules and uses for the tests of the rating engine, and Hypothesis strategies of them.

Not here: tests.
"""

import os
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction

from hypothesis import strategies as st

from orchestration.analytics.rating import Period, Use, tariff_from
from orchestration.analytics.rating.usage_price import rule_price

MARCH = Period(date(2026, 3, 1), date(2026, 4, 1))
# More of them: RATING_EXAMPLES=5000.
SOME = int(os.environ.get("RATING_EXAMPLES", "80"))
ALL = ["data", "voice", "sms"]


def plan(**columns):
    """A plan that sells everything without limit, but for the columns given."""
    row = {"plan_id": "p", "plan_name": "Plan", "includes": ALL, "base_price": "30", "currency": "USD"}
    return tariff_from({**row, **columns})


def seconds(text):
    return int((datetime.fromisoformat(text) - datetime(1970, 1, 1)).total_seconds())


def price(uses, allowance=0, **rule):
    """(price, connect fees) of uses under a rule as it lands."""
    parsed = plan(rating_rules={"voice": rule}).kinds["voice"].rule
    found = rule_price([one if isinstance(one, Use) else Use(0, one) for one in uses], Fraction(allowance), parsed, 2)
    return found.amount, found.connect_fees


numbers = st.integers(0, 4000)
prices = st.decimals(0, 20, places=3)
quantities = st.integers(0, 5000)


@st.composite
def rules(draw, mode=None, bands=None, whole=True, increments=True, per=(1, 7, 60, 1024)):
    """A rule as it lands."""
    bounds = sorted(draw(st.sets(st.integers(1, 9000), max_size=3)))
    tiers = [
        {"up_to": bound, "block_size": draw(st.none() | st.integers(1, 900)), "unit_price": draw(prices)}
        for bound in (*bounds, None)
    ]
    band = st.fixed_dictionaries(
        {
            "days": st.sampled_from(["1-5", "6,7", "1-7", "3", "1,4-6"]),
            "from": st.sampled_from(["00:00", "07:00", "12:30"]),
            "to": st.sampled_from(["13:00", "18:00", "24:00"]),
            "unit_price": prices,
        }
    )
    found = {
        "tiers": tiers,
        "mode": mode or draw(st.sampled_from(["graduated", "volume"])),
        "price_per": draw(st.sampled_from(per)),
        "connect_fee": draw(prices),
        "decimals": draw(st.integers(0, 6)),
        "rounding": draw(st.sampled_from(["up", "half_even"])),
        "time_bands": draw(st.lists(band, max_size=3 if bands is None else bands)),
    }
    if increments:
        size = st.integers(1, 90) if whole else st.integers(1, 90) | st.just(Decimal("2.5"))
        found |= {"first_increment": draw(size), "increment": draw(size)}
    return found


starts = st.integers(seconds("2026-03-01T00:00:00"), seconds("2026-03-31T00:00:00"))
uses_of = st.lists(st.builds(Use, starts, quantities, st.booleans(), st.booleans()), max_size=8)
