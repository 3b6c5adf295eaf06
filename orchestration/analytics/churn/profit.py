"""What a retention campaign led by the scores is expected to earn.

Not here: how right the probabilities are (evaluation), where the parameters stand (a seed).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from orchestration.analytics.churn.errors import ChurnDataError
from orchestration.analytics.churn.evaluation import floats
from orchestration.analytics.churn.labels import Floats


@dataclass(frozen=True)
class ProfitParameters:
    """A campaign's figures, in one currency.

    Attributes:
        lifetime_value: of a customer who is kept.
        offer_cost: of the offer that a customer takes.
        contact_cost: of reaching one customer.
        alpha, beta: of the beta distribution of the share of would-be leavers who take the offer and stay.
    """

    lifetime_value: float = 200.0
    offer_cost: float = 10.0
    contact_cost: float = 1.0
    alpha: float = 6.0
    beta: float = 14.0

    def __post_init__(self) -> None:
        if not self.lifetime_value > self.offer_cost >= 0 or self.contact_cost < 0 or min(self.alpha, self.beta) <= 0:
            raise ChurnDataError(
                f"profit parameters {self}: expected are lifetime_value > offer_cost >= 0, contact_cost >= 0 and"
                " positive alpha and beta; correct them where they stand"
            )


# The figures of Verbraken, Verbeke and Baesens (2013).
PUBLISHED = ProfitParameters()


@dataclass(frozen=True)
class ExpectedProfit:
    """Per customer of the whole base, in the parameters' currency, and the share of the base that is contacted."""

    profit_per_customer: float
    share_targeted: float


def expected_maximum_profit(
    label: npt.ArrayLike, probability: npt.ArrayLike, parameters: ProfitParameters = PUBLISHED
) -> ExpectedProfit:
    """The profit of contacting the best share, expected over the share of leavers who accept (EMPC).

    Verbraken, Verbeke and Baesens, A novel profit maximizing metric for measuring classification performance of
    customer churn prediction models, IEEE TKDE 25 (2013): the best cut-offs lie on the convex hull of the ROC curve,
    and between two of its slopes one of them holds, so that the integral is a sum of incomplete beta functions.

    Args:
        label: 0 or 1 per customer.
        probability: who is contacted first, higher first.
        parameters: of the campaign.
    """
    from scipy.special import betainc

    answer, told = floats(label), floats(probability)
    share_left = float(answer.mean())
    if share_left in (0.0, 1.0):
        raise ChurnDataError(f"{len(answer)} customers of one class: expected maximum profit needs leavers and stayers")
    left, stayed = _hull(answer, told)
    offer, contact = (
        parameters.offer_cost / parameters.lifetime_value,
        parameters.contact_cost / parameters.lifetime_value,
    )
    # The accepting share from which each further piece of the hull pays.
    cost = (1 - share_left) * (offer + contact) * np.diff(stayed) + share_left * contact * np.diff(left)
    gain = share_left * (1 - offer) * np.diff(left)
    pays_from = np.minimum(np.divide(cost, gain, out=np.full(len(gain), np.inf), where=gain > 0), 1.0)
    borders = np.concatenate([[0.0], pays_from, [1.0]])
    chance = np.diff(betainc(parameters.alpha, parameters.beta, borders))
    mean = parameters.alpha / (parameters.alpha + parameters.beta)
    accepted = mean * np.diff(betainc(parameters.alpha + 1, parameters.beta, borders))
    fixed = contact * share_left * left + (offer + contact) * (1 - share_left) * stayed
    profit = (1 - offer) * share_left * left @ accepted - fixed @ chance
    targeted = (share_left * left + (1 - share_left) * stayed) @ chance
    return ExpectedProfit(float(parameters.lifetime_value * profit), float(targeted))


def _hull(label: Floats, score: Floats) -> tuple[Floats, Floats]:
    """The upper convex hull of the ROC curve from (0, 0) to (1, 1): share of leavers, share of stayers reached."""
    order = np.argsort(-score, kind="stable")
    last = np.append(score[order][1:] != score[order][:-1], True)
    left = np.append(0.0, np.cumsum(label[order])[last] / label.sum())
    stayed = np.append(0.0, np.cumsum(1 - label[order])[last] / (1 - label).sum())
    kept: list[int] = []
    for point in range(len(left)):
        while len(kept) >= 2:
            one, two = kept[-2], kept[-1]
            rise = (left[two] - left[one]) * (stayed[point] - stayed[two])
            if rise > (left[point] - left[two]) * (stayed[two] - stayed[one]):
                break
            kept.pop()
        kept.append(point)
    return left[kept], stayed[kept]
