"""The outage feed against the network: who was down by measurement, what explains it, who was behind it.

Not here: Dagster, databases, what becomes of a finding (orchestration.analytics.findings).
"""

from orchestration.analytics.outage_checks.checking import COLUMNS, Inputs, check_outages
from orchestration.analytics.outage_checks.down import DownDays, element_ancestors, own_down_days
from orchestration.analytics.outage_checks.reach import outage_reach

__all__ = ["COLUMNS", "DownDays", "Inputs", "check_outages", "element_ancestors", "outage_reach", "own_down_days"]
