"""Whose services hang on an element when it fails: those that are cut off for certain, and all that are behind it.

Not here: the graph (orchestration.analytics.topology), what an outage record says of it (checking).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from orchestration.analytics.outage_checks.down import element_ancestors


def outage_reach(
    outages: pd.DataFrame, services: pd.DataFrame, parents: Mapping[str, str | None], cut_off: Mapping[str, set[str]]
) -> pd.DataFrame:
    """Customers with a service in force as each outage began: cut off, and behind the element at all.

    Between the two lie customers whose element has another way to the core, which may have held or not.

    Args:
        outages: outage_id, element_id, outage_start (UTC).
        services: element_id (that serves it), customer_id, active_from, active_to (UTC): half-open spans.
        parents: of each element the one that it hangs on.
        cut_off: of each element those that lose every path to the core with it, itself not among them.

    Returns:
        outage_id, customers_cut_off, customers_behind.
    """
    below: dict[str, set[str]] = {}
    for element, above in element_ancestors(parents).items():
        for other in above:
            below.setdefault(other, set()).add(element)
    by_element = {str(name): np.asarray(rows) for name, rows in services.groupby("element_id").indices.items()}
    begin, end = (services[name].to_numpy(dtype="datetime64[us]") for name in ("active_from", "active_to"))
    customer = services["customer_id"].to_numpy()

    def count(elements: set[str], at: np.datetime64) -> int:
        rows = [by_element[one] for one in sorted(elements) if one in by_element]
        if not rows:
            return 0
        own = np.concatenate(rows)
        return len(set(customer[own[(begin[own] <= at) & (end[own] > at)]]))

    instants = outages["outage_start"].dt.tz_convert("UTC").dt.tz_localize(None).to_numpy(dtype="datetime64[us]")
    found = []
    for outage_id, element, at in zip(outages["outage_id"], outages["element_id"], instants, strict=True):
        certain = {element} | cut_off.get(element, set())
        found.append((outage_id, count(certain, at), count(certain | below.get(element, set()), at)))
    return pd.DataFrame(found, columns=["outage_id", "customers_cut_off", "customers_behind"])
