"""Access and audit in the pipeline: every relation made to follow the rules, and the trail sealed each minute.

Not here: rules and trail (orchestration.access).
"""

import dagster as dg
import psycopg

from orchestration.access.applying import find_drift, protect_relations
from orchestration.access.audit import seal
from orchestration.defs.resources import WarehouseResource

GROUP = "access"
SEAL_SECONDS = 60


@dg.asset(key=["access", "relations"], group_name=GROUP, kinds={"postgres"})
def access_relations(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> dg.MaterializeResult:
    """Grants, row policies and audit triggers of every relation, as orchestration/access/roles.yml says."""
    with psycopg.connect(warehouse.url, autocommit=True) as connection:
        done = protect_relations(connection)
        left = find_drift(connection)
    for line in left:
        context.log.warning(f"differs from roles.yml: {line}")
    return dg.MaterializeResult(
        metadata={"rows_changed": len(done), "differences_left": len(left), "done": "\n".join(done[:200])}
    )


@dg.sensor(minimum_interval_seconds=SEAL_SECONDS, default_status=dg.DefaultSensorStatus.RUNNING)
def seal_audit_log(warehouse: WarehouseResource) -> dg.SkipReason:
    """Chains the audit entries that were committed since; starts no run."""
    return dg.SkipReason(f"{seal(warehouse.url)} entries sealed")
