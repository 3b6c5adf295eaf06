"""The rating engine: what a plan charges a service for a period, exactly, in the plan's currency.

    rate(parts, uses, period) -> lines      one service and period, fractions until each charge is rounded once
    UsageTable, usage_costs                 many services and whole periods at once, in scaled integers (fast)

Not here: tables, advice. Shares no code with the sample operator's billing, which tests compare it with.
"""

from orchestration.analytics.rating.bundles import component_amounts, split_amount
from orchestration.analytics.rating.fast import MILLIONTHS, Costs, needs_records, usage_costs
from orchestration.analytics.rating.history import ServiceVersion, TariffVersion, parts_of
from orchestration.analytics.rating.periods import full_periods, period_of, share_of
from orchestration.analytics.rating.service_period import (
    DayUse,
    Discount,
    Line,
    Part,
    Period,
    discount_amount,
    rate,
    recurring_amount,
)
from orchestration.analytics.rating.tariff import Tariff, TariffError, tariff_from
from orchestration.analytics.rating.usage_price import Use
from orchestration.analytics.rating.usage_table import INCOMING, ROAMING, UsageTable

__all__ = [
    "INCOMING",
    "MILLIONTHS",
    "ROAMING",
    "Costs",
    "DayUse",
    "Discount",
    "Line",
    "Part",
    "Period",
    "ServiceVersion",
    "Tariff",
    "TariffError",
    "TariffVersion",
    "UsageTable",
    "Use",
    "component_amounts",
    "discount_amount",
    "full_periods",
    "needs_records",
    "parts_of",
    "period_of",
    "rate",
    "recurring_amount",
    "share_of",
    "split_amount",
    "tariff_from",
    "usage_costs",
]
