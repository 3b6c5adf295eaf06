"""What the simulation knows and the feeds do not say: a folder that the pipeline never reads and tests compare with.

Not here: anything that lands.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
import polars as pl

from ingestion.sample.clock import NEVER, dates, stamp, stamps
from ingestion.sample.flaws import FeedCounts
from ingestion.sample.operator import Operator


def _leavers(operator: Operator) -> pl.DataFrame:
    people, life = operator.people, operator.life
    gone = np.flatnonzero(life.ended < NEVER)
    return pl.DataFrame(
        {
            "service_id": people.service_ids.gather(gone),
            "customer_id": people.customer_ids.gather(people.customer[gone]),
            "deactivated_at": stamps(life.ended[gone]), "deactivation_reason": life.reason[gone].tolist(),
            "cause": life.why[gone].tolist(),
            "tenure_months": ((life.ended_day - people.activated_day)[gone] / 30.4375).round(1),
        }
    ).sort("deactivated_at", "service_id")  # fmt: skip


def _frauds(operator: Operator) -> pl.DataFrame:
    found = [*operator.frauds, *operator.cases]
    return pl.DataFrame(
        {
            "service_id": operator.people.service_ids.gather([fraud.service for fraud in found]),
            "kind": [fraud.kind for fraud in found],
            "begins_at": stamps(np.array([fraud.start for fraud in found], dtype=np.int64)),
            "ends_at": stamps(np.array([fraud.end for fraud in found], dtype=np.int64)),
        }
    )


def anomalies(operator: Operator) -> pl.DataFrame:
    found = operator.performance.anomalies
    return pl.DataFrame(
        {
            "attack": [oddity.attack for oddity in found],
            "element_id": operator.network.element_ids.gather([oddity.element for oddity in found]),
            "kind": [oddity.kind for oddity in found],
            "load_factor": [float(oddity.load_factor) for oddity in found],
            "connections_factor": [float(oddity.connections_factor) for oddity in found],
            "begins_at": stamps(np.array([oddity.start for oddity in found], dtype=np.int64)),
            "ends_at": stamps(np.array([oddity.end for oddity in found], dtype=np.int64)),
        }
    )


def configurations(operator: Operator) -> dict[str, object]:
    """Elements that were configured wrongly from the beginning, and settings that changed."""
    changes = [
        {
            "element_id": operator.network.element_ids[change.element], "kind": change.kind,
            "changed_at": stamp(change.at), "restored_at": stamp(change.until), "settings": change.settings,
        }
        for change in operator.setting_changes
    ]  # fmt: skip
    return {"misconfigured_elements": operator.network.misconfigured, "changes": changes}


def _failures(operator: Operator) -> pl.DataFrame:
    found = operator.faults.faults
    times = {
        "begins_at": [fault.start for fault in found], "ends_at": [fault.end for fault in found],
        "degraded_from": [fault.degraded_from for fault in found],
    }  # fmt: skip
    return pl.DataFrame(
        {
            "element_id": operator.network.element_ids.gather([fault.element for fault in found]),
            "cause": [fault.cause for fault in found],
            "elements_down": [len(hit) for hit in operator.faults.hit],
            **{name: stamps(np.array(values, dtype=np.int64)) for name, values in times.items()},
        }
    )


def _outage_mistakes(operator: Operator) -> pl.DataFrame:
    """Failures without a record, records without a failure, and counts of customers that are far off."""
    faults, wrong = operator.faults, operator.outage_mistakes
    recorded = operator.whole("outages")
    if recorded.is_empty():
        recorded = pl.DataFrame(schema=dict.fromkeys(("outage_id", "element_id", "outage_start"), pl.String))
    named = recorded.select("outage_id", "element_id", begins_at="outage_start").unique()
    kinds = ["miscounted" if factor > 1 else "right" for factor in wrong.factor] + ["phantom"] * len(wrong.phantoms)
    found = [*faults.faults, *wrong.phantoms]
    customers = [*operator.customers_at(faults.faults, faults.hit), *operator.customers_at(wrong.phantoms, wrong.hit)]
    table = pl.DataFrame(
        {
            "kind": kinds, "element_id": operator.network.element_ids.gather([fault.element for fault in found]),
            "begins_at": stamps(np.array([fault.start for fault in found], dtype=np.int64)),
            "ends_at": stamps(np.array([fault.end for fault in found], dtype=np.int64)), "customers": customers,
        },
        schema_overrides={"kind": pl.String, "customers": pl.Int64},
    ).join(named, on=["element_id", "begins_at"], how="left")  # fmt: skip
    known = pl.when(pl.col("outage_id").is_null()).then(pl.lit("missing")).otherwise("kind")
    return table.with_columns(known.alias("kind")).filter(pl.col("kind") != "right").sort("begins_at", "element_id")


def _campaigns(operator: Operator) -> pl.DataFrame:
    """Who of those in a campaign, contacted or held out, left within three months, and was about to anyway."""
    month, service, control, accepted = operator.life.contacts.T
    bounds = operator.clock.month_bounds()
    until = bounds[np.minimum(month + 4, len(bounds) - 1)]
    return pl.DataFrame(
        {
            "service_id": operator.people.service_ids.gather(service), "month": dates(bounds[month]),
            "is_control": control == 1, "has_accepted": accepted == 1,
            "left_within_3_months": operator.life.ended_day[service] < until,
        }
    )  # fmt: skip


def _usage_errors(operator: Operator) -> pl.DataFrame:
    """Records that came twice under another id, and ranges of running numbers that never came."""
    found = operator.accounts.irregular.errors
    return pl.concat([rows.with_columns(pl.lit(operator.clock.months()[month]).alias("month"))
                      for month, rows in sorted(found.items())], how="diagonal")  # fmt: skip


def write_truth(folder: Path, operator: Operator, feeds: dict[str, FeedCounts]) -> None:
    """Writes one CSV per kind of truth, and the counts of rows per feed."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    tables = {
        "leavers": _leavers(operator), "frauds": _frauds(operator), "network_anomalies": anomalies(operator),
        "failures": _failures(operator), "campaigns": _campaigns(operator),
        "outage_mistakes": _outage_mistakes(operator),
    }  # fmt: skip
    if operator.accounts.mistakes:  # else no bills were made
        tables |= {
            "billing_errors": pl.concat(operator.accounts.mistakes), "usage_errors": _usage_errors(operator)
        }  # fmt: skip
    for name, frame in tables.items():
        frame.write_csv(folder / f"{name}.csv")
    (folder / "configurations.json").write_text(json.dumps(configurations(operator), indent=2) + "\n", encoding="utf-8")
    counts = {feed: asdict(found) for feed, found in feeds.items()} | {"_charges": operator.accounts.charge_count}
    (folder / "rows.json").write_text(json.dumps(counts, indent=2) + "\n", encoding="utf-8")
