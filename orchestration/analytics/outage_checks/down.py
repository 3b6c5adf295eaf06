"""Which elements were down on which days by measurement, and how much of it nothing above them explains.

Not here: outage records held against it (checking).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
# Of a day's seconds in service so many must be measured for the day to say that an element was up.
LEAST_MEASURED_SHARE = 0.5


@dataclass(frozen=True)
class DownDays:
    """Days (rows, ascending) by elements (columns).

    Attributes:
        dates: the local days.
        elements: ids, in the order of the columns.
        down: seconds down without a plan; NaN where the day was not measured and nothing behind it tells.
        own: of them those that no element above explains; 0 where nothing is known.
        is_inferred: where `down` is what everything behind the element was down for.
        measured_share: of the seconds in service.
    """

    dates: npt.NDArray[np.object_]
    elements: tuple[str, ...]
    down: Floats
    own: Floats
    is_inferred: npt.NDArray[np.bool_]
    measured_share: Floats

    def place(self, element_id: str) -> int | None:
        """The element's column."""
        return self._places.get(element_id)

    @property
    def _places(self) -> dict[str, int]:
        return {name: at for at, name in enumerate(self.elements)}


def element_ancestors(parents: Mapping[str, str | None]) -> dict[str, tuple[str, ...]]:
    """Each element's parent, its parent and so on; a circle ends where it would begin anew."""
    found = {}
    for element in parents:
        chain: list[str] = []
        above = parents[element]
        while above is not None and above in parents and above not in chain and above != element:
            chain.append(above)
            above = parents[above]
        found[element] = tuple(chain)
    return found


def own_down_days(
    days: pd.DataFrame, parents: Mapping[str, str | None], recorded: pd.DataFrame | None = None
) -> DownDays:
    """What each element was down for, day by day, and how much of that is its own.

    A day that was not measured is taken from what hangs on the element: if everything that was measured there (two
    elements at least) was down, it was down for as long as the one of them that was down least; else from its outage
    records. What an element above was down for explains as much of the downtime below it.

    Args:
        days: element_id, availability_date, seconds_in_service, seconds_measured, seconds_down (without a plan).
        parents: of each element the one that it hangs on.
        recorded: element_id, availability_date, seconds: what outage records say, for days not measured.
    """
    elements = tuple(sorted(set(parents) | set(days["element_id"])))
    dates = np.array(sorted(set(days["availability_date"])), dtype=object)
    row = days["availability_date"].map({day: at for at, day in enumerate(dates)}).to_numpy(dtype=np.int64)
    places = {name: at for at, name in enumerate(elements)}
    column = days["element_id"].map(places).to_numpy(dtype=np.int64)
    down = np.full((len(dates), len(elements)), np.nan)
    share = np.zeros_like(down)
    values = {name: days[name].to_numpy(dtype=np.float64) for name in ("seconds_in_service", "seconds_measured")}
    share[row, column] = values["seconds_measured"] / np.maximum(values["seconds_in_service"], 1)
    down[row, column] = days["seconds_down"].to_numpy(dtype=np.float64)
    down[(share < LEAST_MEASURED_SHARE) & ~(down > 0)] = np.nan
    inferred = _infer(down, parents, places)
    told = down.copy()
    if recorded is not None and len(recorded):
        known = recorded[recorded["availability_date"].isin(dates) & recorded["element_id"].isin(places)]
        at = (
            known["availability_date"].map({day: at for at, day in enumerate(dates)}).to_numpy(dtype=np.int64),
            known["element_id"].map(places).to_numpy(dtype=np.int64),
        )
        told[at] = np.where(np.isnan(told[at]), known["seconds"].to_numpy(dtype=np.float64), told[at])
    told = np.nan_to_num(told)
    explained = np.zeros_like(told)
    for element, above in element_ancestors(parents).items():
        for other in above:
            explained[:, places[element]] = np.maximum(explained[:, places[element]], told[:, places[other]])
    own = np.where(np.isnan(down), 0.0, np.maximum(np.nan_to_num(down) - explained, 0.0))
    return DownDays(dates, elements, down, own, inferred, share)


def _infer(down: Floats, parents: Mapping[str, str | None], places: Mapping[str, int]) -> npt.NDArray[np.bool_]:
    """Fills days not measured from what hangs on the element, from the leaves up; tells where."""
    children: dict[str, list[int]] = {}
    for element, parent in parents.items():
        if parent in places and parent != element:
            children.setdefault(str(parent), []).append(places[element])
    inferred = np.zeros(down.shape, dtype=bool)
    depth = {element: len(above) for element, above in element_ancestors(parents).items()}
    for element in sorted(children, key=lambda name: (-depth.get(name, 0), name)):
        behind, at = down[:, children[element]], places[element]
        is_known = ~np.isnan(behind)
        least = np.min(np.where(is_known, behind, np.inf), axis=1)
        tells = np.isnan(down[:, at]) & (is_known.sum(axis=1) >= 2) & (least > 0)
        down[tells, at] = least[tells]
        inferred[:, at] = tells
    return inferred
