"""All assets that Python computes, in one list.

Not here: the assets themselves; those of dbt and of the feeds.
"""

from orchestration.defs.analytics import provider_daily_summary
from orchestration.defs.capacity import capacity_forecasts
from orchestration.defs.churn import CHURN_ASSETS
from orchestration.defs.geography import topology_risk, zone_coverage
from orchestration.defs.maintenance import MAINTENANCE_ASSETS
from orchestration.defs.outage_findings import outage_findings
from orchestration.defs.plans import plan_recommendations
from orchestration.defs.regulatory import filing_packages, link_redundancy_asset
from orchestration.defs.revenue_assurance import revenue_assurance_findings
from orchestration.defs.security import access_relations
from orchestration.defs.security_monitoring import SECURITY_ASSETS

PYTHON_ASSETS = (
    provider_daily_summary,
    topology_risk,
    zone_coverage,
    plan_recommendations,
    *CHURN_ASSETS,
    capacity_forecasts,
    *SECURITY_ASSETS,
    revenue_assurance_findings,
    *MAINTENANCE_ASSETS,
    outage_findings,
    link_redundancy_asset,
    filing_packages,
    access_relations,
)
