"""The cheapest plan that serves each service, how often it would have won, and how sure the saving is.

Not here: prices (rating), which plans a service may take (candidates), words. Amounts are whole millionths.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from orchestration.analytics.rating import MILLIONTHS

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
PERIODS_A_YEAR = 12
_CHUNK = 4096


@dataclass(frozen=True)
class Costs:
    """Services x periods x plans, and services x plans.

    `usage` are the charges for use of each tested period, `is_served` whether the plan sells what was used in it,
    `recurring` the recurring charges of the coming twelve periods less the discount, `is_tested` (services x periods)
    which periods count, `is_candidate` (services x plans) what a service may take, `present` its own plan, `fee` what
    leaving it costs.
    """

    usage: Ints
    is_served: Bools
    recurring: Ints
    is_tested: Bools
    is_candidate: Bools
    present: npt.NDArray[np.intp]
    fee: Ints

    def yearly_savings(self) -> Ints:
        """Services x periods x plans: what a year like the period would cost less than on the present plan."""
        rows = np.arange(len(self.present))
        own_usage = self.usage[rows, :, self.present][:, :, None]
        own_recurring = self.recurring[rows, self.present][:, None]
        return PERIODS_A_YEAR * (own_usage - self.usage) + (own_recurring - self.recurring)[:, None, :]


@dataclass(frozen=True)
class Choice:
    """Per service. `plan` is the advice (the present one: stay), `best` the cheapest other plan (-1: there is none).

    `totals` (services x plans) are the yearly savings less the fee for leaving, summed over the tested periods, of
    which there are `tested`; `eligible` (services x plans) is what serves. `lower` and `upper` are the ends of the 95 %
    bootstrap interval of the best one's yearly saving, in units. `confidence` is the share of tested periods in which
    the advice would have won (nan: none was tested): the change saves, for stay no change saves enough.
    """

    plan: npt.NDArray[np.intp]
    best: npt.NDArray[np.intp]
    totals: Ints
    eligible: Bools
    tested: Ints
    lower: Floats
    upper: Floats
    confidence: Floats


def choose(costs: Costs, minimum_yearly_saving: int, draws: int, seed: int, minimum_tested: int = 1) -> Choice:
    """The advice for every service: the cheapest plan that serves it, or to stay unless that saves enough.

    Args:
        costs: of all services.
        minimum_yearly_saving: in millionths; what does not exceed it is no reason to change.
        draws: of the bootstrap over tested periods, the same for all services with as many periods.
        seed: of the draws.
        minimum_tested: with fewer tested periods nothing is eligible: a first month tells little.
    """
    rows = np.arange(len(costs.present))
    tested = costs.is_tested.sum(axis=1).astype(np.int64)
    saved = costs.yearly_savings() - costs.fee[:, None, None]
    saved[~costs.is_tested] = 0
    serves = (costs.is_served | ~costs.is_tested[:, :, None]).all(axis=1)
    eligible = costs.is_candidate & serves & (tested >= max(minimum_tested, 1))[:, None]
    totals = saved.sum(axis=1)
    ranked = np.where(eligible, totals, np.iinfo(np.int64).min)
    best = np.where(eligible.any(axis=1), ranked.argmax(axis=1), -1)
    changes = (best >= 0) & (totals[rows, best] > minimum_yearly_saving * tested)
    own = saved[rows, :, best]
    # To stay is right in a period if nothing that serves would have saved enough in it.
    enough = ((saved > minimum_yearly_saving) & eligible[:, None, :]).any(axis=2)
    right = np.where(changes[:, None], own > 0, ~enough) & costs.is_tested
    confidence = np.divide(right.sum(axis=1), tested, out=np.full(len(rows), np.nan), where=tested > 0)
    lower, upper = bootstrap_interval(own, costs.is_tested & (best >= 0)[:, None], draws, seed)
    return Choice(np.where(changes, best, costs.present), best, totals, eligible, tested, lower, upper, confidence)


def bootstrap_interval(values: Ints, is_counted: Bools, draws: int, seed: int) -> tuple[Floats, Floats]:
    """The 2.5 and 97.5 % points of the resampled mean of each row's counted values, in units; nan where none counts.

    The draws depend on the seed and the number of values only, so a row's interval does not depend on other rows.
    """
    lower, upper = np.full(len(values), np.nan), np.full(len(values), np.nan)
    counts = is_counted.sum(axis=1)
    # Counted values first, in their order.
    order = np.argsort(~is_counted, axis=1, kind="stable")
    packed = np.take_along_axis(values, order, axis=1)
    for count in np.unique(counts[counts > 0]).tolist():
        picks = np.random.default_rng([seed, count]).integers(0, count, (draws, count))
        times = np.apply_along_axis(np.bincount, 1, picks, minlength=count)
        times, weights = np.unique(times, axis=0, return_counts=True)
        places = np.flatnonzero(counts == count)
        for begin in range(0, len(places), _CHUNK):
            here = places[begin : begin + _CHUNK]
            sums = packed[here, :count].astype(np.float64) @ times.T.astype(np.float64)
            ranks = np.argsort(sums, axis=1, kind="stable")
            below = np.cumsum(weights[ranks], axis=1)
            for end, point in ((lower, 0.025), (upper, 0.975)):
                place = (below < point * draws).sum(axis=1)
                chosen = ranks[np.arange(len(here)), np.minimum(place, len(weights) - 1)]
                end[here] = sums[np.arange(len(here)), chosen] / count / MILLIONTHS
    return lower, upper
