"""Revenue assurance: whether what was used is billed once and right, whether usage can be, and who steals it.

    find_billing(inputs, parameters) -> Findings      charges, records and payments against what they should be
    find_usage(inputs, parameters) -> Findings        records that cannot be
    find_fraud(inputs, parameters) -> Findings        rules over a line's weeks, and a model beside them

Not here: tables and queries, what becomes of findings from run to run (findings).
"""

from orchestration.analytics.revenue_assurance.billing import find_billing
from orchestration.analytics.revenue_assurance.found import Findings, Found
from orchestration.analytics.revenue_assurance.fraud import find_fraud
from orchestration.analytics.revenue_assurance.inputs import Inputs, Parameters
from orchestration.analytics.revenue_assurance.rows import COLUMNS, finding_rows
from orchestration.analytics.revenue_assurance.validation import find_usage

__all__ = [
    "COLUMNS",
    "Findings",
    "Found",
    "Inputs",
    "Parameters",
    "find_billing",
    "find_fraud",
    "find_usage",
    "finding_rows",
]
