"""From rows of core.feature_customer and core.feature_service to what a model sees, and the segments of the rows.

Not here: models, labels (departures).
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

BUSINESS = "business"
# Who and when, not what; plans and zones are too many to learn, and are in the figures.
NOT_FEATURES = frozenset(
    ("as_of_date", "as_of_at", "is_latest", "customer_id", "customer_key", "service_id", "service_key", "zone_id",
     "plan_id")
)  # fmt: skip


def model_features(rows: pd.DataFrame) -> pd.DataFrame:
    """The columns of the feature tables that describe, typed: numbers as float, flags as 0 and 1, the rest as text.

    Null stays null (NaN or None). The index is kept.
    """
    found = {}
    for name in rows.columns:
        if name in NOT_FEATURES:
            continue
        values = rows[name]
        numbers = pd.to_numeric(values, errors="coerce") if values.dtype == object else values
        if values.dtype != object or numbers.notna().equals(values.notna()):
            found[name] = numbers.astype(float)
        else:
            found[name] = values.map(str, na_action="ignore")
    return pd.DataFrame(found, index=rows.index)


def segments_of(
    line_of_business: pd.Series, customer_type: pd.Series, segments: Mapping[str, str], classes: Mapping[str, str]
) -> pd.Series:
    """Each row's segment: business for customers of that class, else that of its line of business.

    Args:
        line_of_business: of the rows.
        customer_type: of the rows; unknown ones are taken as consumers.
        segments: line of business to segment (seed churn_segments).
        classes: customer type to class (seed customer_classes).

    Raises:
        KeyError: a line of business has no segment.
    """
    if missing := sorted(set(line_of_business) - set(segments)):
        raise KeyError(f"seed churn_segments has no segment for {', '.join(map(str, missing))}; add a row for each")
    found = line_of_business.map(segments)
    return found.mask(customer_type.map(classes) == BUSINESS, BUSINESS)
