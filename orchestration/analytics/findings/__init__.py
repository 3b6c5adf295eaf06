"""Findings of any kind as things that last: known again from run to run, resolved when gone, muted by people.

Not here: what is found (each kind has its package), tables and queries.
"""

from orchestration.analytics.findings.identity import adopt_overlapping, finding_id
from orchestration.analytics.findings.merging import LIFE_COLUMNS, merge_findings

__all__ = ["LIFE_COLUMNS", "adopt_overlapping", "finding_id", "merge_findings"]
