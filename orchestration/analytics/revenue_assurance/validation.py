"""Usage that cannot be: impossible records, sessions of one device at once, a device in two distant cells.

Not here: records that came twice (records), patterns of fraud (fraud). Every rule says of what share of a provider's
records it speaks: a rule that many break says something about the feed, and is said instead of found.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from orchestration.analytics.equal_area import MEAN_RADIUS_KM
from orchestration.analytics.revenue_assurance.found import Findings, Found
from orchestration.analytics.revenue_assurance.inputs import Inputs, Parameters
from orchestration.analytics.revenue_assurance.records import MOST_NAMED

_HOUR_SECONDS, _WEEK_SECONDS = 3600, 7 * 86_400
_CASE = ["service_id", "reason", "month"]
USED = ("usage_id", "service_id", "element_id", "device_id", "usage_timestamp", "day", "kind", "quantity",
        "voice_seconds", "session_seconds")  # fmt: skip


def find_usage(inputs: Inputs, parameters: Parameters) -> Findings:
    """Every finding of usage validation among the records from inputs.usage_from on."""
    usage = inputs.usage_once(USED)
    lives = inputs.newest_services().select("service_id", "customer_id", "provider_id", "activated_at",
                                            "deactivated_at", "is_mobile")  # fmt: skip
    checks = {
        "impossible_usage": impossible(usage, lives, _speeds(inputs), parameters["line_rate_tolerance"]),
        "overlapping_sessions": overlapping(
            usage, int(parameters["overlap_least_seconds"]), int(parameters["overlap_least_sessions"])
        ),
        "distant_cells_at_once": distant(
            usage.join(lives.filter("is_mobile").select("service_id"), on="service_id", how="semi"), inputs.elements,
            parameters["distant_least_km"], parameters["distant_most_km_per_hour"],
        ),
    }  # fmt: skip
    sizes = dict(usage.join(lives, on="service_id").group_by("provider_id").len().iter_rows())
    result = Findings()
    for kind, hits in checks.items():
        if kind not in parameters.disabled:
            result += _findings(kind, hits.join(lives, on="service_id", how="left"), sizes, parameters)
    return result


def _speeds(inputs: Inputs) -> pl.DataFrame:
    """The fastest download that any plan of a service advertised, in Mbps."""
    plans = inputs.services.select("service_id", "plan_id").unique().join(inputs.plans, on="plan_id")
    return plans.group_by("service_id").agg(pl.col("speed_mbps_down").max())


def impossible(usage: pl.DataFrame, lives: pl.DataFrame, speeds: pl.DataFrame, tolerance: float) -> pl.DataFrame:
    """Records that break a rule: inputs.USAGE's columns, `reason` and `month`; a record by its first reason only.

    Args:
        usage: records, each once.
        lives: service_id, activated_at and deactivated_at.
        speeds: service_id and speed_mbps_down; services without a speed are not judged by it.
        tolerance: how many times a week's bytes at full speed may be. A record may stand for sessions of days.
    """
    dated = usage.join(lives.select("service_id", "activated_at", "deactivated_at"), on="service_id", how="left")
    at = pl.col("usage_timestamp")
    reason = (
        pl.when(pl.col("quantity") < 0).then(pl.lit("a negative quantity"))
        .when((pl.col("kind") == 0) & (pl.col("voice_seconds") > 0)).then(pl.lit("speech in a data record"))
        .when((pl.col("kind") == 1) & (pl.col("quantity") > pl.col("session_seconds")))
        .then(pl.lit("more speech than the call lasted"))
        .when((at < pl.col("activated_at")) | (at >= pl.col("deactivated_at")))
        .then(pl.lit("use outside the service's life"))
    ).alias("reason")  # fmt: skip
    wrong = dated.with_columns(reason).filter(pl.col("reason").is_not_null()).drop("activated_at", "deactivated_at")
    data = usage.filter(pl.col("kind") == 0)
    week = pl.col("day").dt.truncate("1w").alias("week")
    weeks = data.group_by("service_id", week).agg(pl.col("quantity").sum().alias("bytes"))
    most = pl.col("speed_mbps_down") * 1_000_000 / 8 * _WEEK_SECONDS * tolerance
    fast = weeks.join(speeds.drop_nulls(), on="service_id").filter(pl.col("bytes") > most)
    fast = fast.select("service_id", "week", pl.lit("more bytes than the line carries in a week").alias("reason"))
    too_fast = data.with_columns(week).join(fast, on=["service_id", "week"])
    too_fast = too_fast.join(wrong.select("usage_id"), on="usage_id", how="anti")
    together = pl.concat([wrong, too_fast.select(wrong.columns)])
    return together.with_columns(pl.col("day").dt.month_start().alias("month"))


def overlapping(usage: pl.DataFrame, least_seconds: int, least_sessions: int) -> pl.DataFrame:
    """Records that begin while so many of their device and kind last that, with them, there are `least_sessions`.

    A call that waits, or a second data context, overlaps by right; a copied device has several at once.

    Args:
        usage: records, each once; those without a device or a length are not judged.
        least_seconds: a session counts as lasting until so long before its end.
        least_sessions: at once, for them to count.
    """
    length = pl.when(pl.col("kind") == 1).then(pl.col("quantity")).otherwise(pl.col("session_seconds"))
    by = ["device_id", "kind"]
    lasting = usage.filter(pl.col("device_id").is_not_null(), pl.col("kind") < 2, length > least_seconds)
    begins = pl.col("usage_timestamp").dt.epoch("s")
    # An end comes before a beginning at the same second; the sum of steps is how many last.
    steps = pl.concat(
        [
            lasting.select(*by, begins.alias("at"), pl.lit(1).alias("step"), "usage_id"),
            lasting.select(*by, (begins + length - least_seconds).alias("at"), pl.lit(-1).alias("step"), "usage_id"),
        ]
    ).sort(*by, "at", "step", "usage_id")
    counted = steps.with_columns(pl.col("step").cum_sum().over(by).alias("sessions"))
    many = counted.filter(pl.col("step") == 1, pl.col("sessions") >= least_sessions)
    found = usage.join(many.select("usage_id", "sessions"), on="usage_id")
    return found.select(*usage.columns, "sessions", pl.lit("sessions of one device at once").alias("reason"),
                        pl.col("day").dt.month_start().alias("month"))  # fmt: skip


def distant(usage: pl.DataFrame, elements: pl.DataFrame, least_km: float, most_speed: float) -> pl.DataFrame:
    """Records at a cell so far from that of the record before that nobody travels so fast; `km` and `km_per_hour` too.

    Args:
        usage: records of mobile lines, each once; those without a cell are passed over.
        elements: element_id, latitude and longitude in degrees.
        least_km: nearer cells may well see one device at once.
        most_speed: kilometres per hour.
    """
    placed = usage.join(elements.drop_nulls(), on="element_id").sort("service_id", "usage_timestamp", "usage_id")
    before = [pl.col(name).shift(1).over("service_id").alias(f"{name}_before")
              for name in ("latitude", "longitude", "usage_timestamp", "element_id")]  # fmt: skip
    moved = placed.with_columns(before).filter(pl.col("element_id") != pl.col("element_id_before"))
    moved = moved.with_columns(_kilometres().alias("km"))
    hours = (pl.col("usage_timestamp") - pl.col("usage_timestamp_before")).dt.total_seconds() / _HOUR_SECONDS
    far = moved.filter(pl.col("km") >= least_km, pl.col("km") > most_speed * hours).with_columns(
        (pl.col("km") / pl.max_horizontal(hours, pl.lit(1 / _HOUR_SECONDS))).alias("km_per_hour")
    )
    return far.select(*usage.columns, "km", "km_per_hour", "element_id_before",
                      pl.lit("two distant cells at once").alias("reason"),
                      pl.col("day").dt.month_start().alias("month"))  # fmt: skip


def _kilometres() -> pl.Expr:
    """Great-circle distance by the haversine formula (Sinnott, Virtues of the Haversine, 1984)."""
    one, other = pl.col("latitude").radians(), pl.col("latitude_before").radians()
    across = (pl.col("longitude") - pl.col("longitude_before")).radians()
    half = ((one - other) / 2).sin().pow(2) + one.cos() * other.cos() * (across / 2).sin().pow(2)
    return half.sqrt().clip(0, 1).arcsin() * 2 * MEAN_RADIUS_KM


def _findings(kind: str, hits: pl.DataFrame, sizes: Mapping[Any, int], parameters: Parameters) -> Findings:
    """One finding per service, reason and month; reasons that many records of a provider give are said only."""
    result = Findings()
    shares = {
        (reason, provider): count / max(sizes.get(provider, 0), 1)
        for reason, provider, count in hits.group_by("reason", "provider_id").len().iter_rows()
    }
    for (reason, provider), share in sorted(shares.items(), key=str):
        if share > parameters["rule_most_share"]:
            result.said[f"not_judged_{kind}_{provider}"] = f"{share:.1%} of all records: {reason}"
    ordered = hits.sort("usage_timestamp", "usage_id")
    for key, rows in ordered.group_by(_CASE, maintain_order=True):
        service_id, reason, month = str(key[0]), str(key[1]), rows["month"][0]
        share = shares[reason, rows["provider_id"][0]]
        if share > parameters["rule_most_share"]:
            continue
        far = ""
        if "km" in rows.columns:
            apart, speed = (max(rows[name].to_list()) for name in ("km", "km_per_hour"))
            far = f"; {apart:.0f} km apart, {speed:,.0f} km/h"
        if "sessions" in rows.columns:
            far = f"; up to {max(rows['sessions'].to_list())} of them"
        result.found.append(
            Found(
                "usage_validation", kind, (service_id, reason, str(month)), rows["provider_id"][0],
                rows["usage_timestamp"].min(), rows["usage_timestamp"].max(), 1 - share,  # type: ignore[arg-type]
                f"{len(rows)} usage records in {month:%Y-%m}: {reason}{far}.",
                {"usage_ids": rows["usage_id"].head(MOST_NAMED).to_list(),
                 "device_ids": sorted(rows["device_id"].drop_nulls().unique()),
                 "element_ids": sorted(rows["element_id"].drop_nulls().unique())[:MOST_NAMED]},
                rows["customer_id"][0], service_id, None, month,
            )
        )  # fmt: skip
    return result
