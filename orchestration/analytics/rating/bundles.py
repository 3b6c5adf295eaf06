"""A bundle's money over its component plans.

Not here: what a bundle costs (it is rated as any plan), who would do better with one (plan_advice).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_FLOOR, Decimal
from fractions import Fraction


def split_amount(amount: Decimal, weights: Sequence[Fraction], decimals: int = 2) -> list[Decimal]:
    """An amount in proportion to weights, each rounded so that they sum to it exactly (largest remainder, first first).

    Args:
        amount: of any sign, with at most `decimals` decimals.
        weights: at least one; not negative. All 0 counts as all equal.
        decimals: of the parts.

    Raises:
        ValueError: no weights, or a negative one.
    """
    if not weights or min(weights) < 0:
        raise ValueError(f"expected weights of at least 0, found {[str(weight) for weight in weights]}")
    unit = Decimal(1).scaleb(-decimals)
    whole = sum(weights)
    shares = [Fraction(weight) / whole if whole else Fraction(1, len(weights)) for weight in weights]
    exact = [Fraction(amount / unit) * share for share in shares]
    floors = [Decimal(one.numerator // one.denominator) for one in exact]
    left = int((amount / unit - sum(floors)).to_integral_value(ROUND_FLOOR))
    order = sorted(range(len(exact)), key=lambda i: (-(exact[i] - Fraction(floors[i])), i))
    for place in order[:left]:
        floors[place] += 1
    return [one * unit for one in floors]


def component_amounts(
    amount: Decimal, components: Sequence[tuple[str, Fraction, Fraction]]
) -> list[tuple[str, Decimal]]:
    """A bundle's charge over its component plans by their price shares, as (plan_id, amount)."""
    amounts = split_amount(amount, [share for _, _, share in components])
    return [(plan_id, part) for (plan_id, _, _), part in zip(components, amounts, strict=True)]
