"""One asset per feed: its new files into its raw table, and a check that no file was refused.

Not here: how a file is loaded (ingestion).
"""

import dagster as dg

from ingestion.contract import Contract, contracts
from ingestion.loader import FeedReport, load_feed
from orchestration.defs.resources import WarehouseResource

GROUP = "ingest"
REFUSED_CHECK = "no_refused_files"


def feed_key(feed: str) -> dg.AssetKey:
    """The key under which dbt's source and the asset are one."""
    return dg.AssetKey(["raw", feed])


def _metadata(report: FeedReport) -> dict[str, dg.MetadataValue]:
    """What a load did, in numbers and file names; never values."""
    loaded = [file for file in report.files if file.status == "loaded"]
    rows = [
        f"| {file.file_name} | {file.status} | {file.rows_in_file} | {file.rows_loaded} | {file.rows_quarantined} |"
        f" {file.rows_duplicate} | {', '.join(file.unknown_columns)} |"
        for file in report.files
    ]
    header = (
        "| file | status | rows | loaded | quarantined | duplicate | unknown columns |\n|---|---|---|---|---|---|---|\n"
    )
    return {
        "dagster/partition_row_count": dg.MetadataValue.int(sum(file.rows_loaded for file in loaded)),
        "rows_loaded": dg.MetadataValue.int(sum(file.rows_loaded for file in loaded)),
        "rows_quarantined": dg.MetadataValue.int(sum(file.rows_quarantined for file in loaded)),
        "rows_duplicate": dg.MetadataValue.int(sum(file.rows_duplicate for file in loaded)),
        "files_loaded": dg.MetadataValue.int(len(loaded)),
        "files_refused": dg.MetadataValue.int(len(report.files) - len(loaded)),
        "days_touched": dg.MetadataValue.int(len(report.touched_days)),
        "files": dg.MetadataValue.md(header + "\n".join(rows)),
    }


def _refused(report: FeedReport) -> dg.AssetCheckResult:
    reasons = [file.refusal_reason for file in report.files if file.refusal_reason]
    return dg.AssetCheckResult(
        check_name=REFUSED_CHECK,
        passed=not reasons,
        description="; ".join(reasons) or None,
        metadata={"files_refused": len(reasons)},
    )


def _feed_asset(contract: Contract) -> dg.AssetsDefinition:
    @dg.asset(
        key=feed_key(contract.feed),
        group_name=GROUP,
        description=contract.description,
        kinds={"python", "postgres"},
        metadata={"source_system": contract.source_system, "expected_every": str(contract.expected_every)},
        check_specs=[
            dg.AssetCheckSpec(
                REFUSED_CHECK, asset=feed_key(contract.feed), description="No file of this load was refused whole."
            )
        ],
    )
    def feed(warehouse: WarehouseResource) -> dg.MaterializeResult:
        settings = warehouse.settings()
        report = load_feed(
            contract.feed,
            landing=settings.landing_dir,
            warehouse_url=warehouse.url,
            pii_key=warehouse.pii_key(),
            max_bad_row_share=settings.max_bad_row_share,
            max_vanishing_share=settings.max_vanishing_share,
        )
        return dg.MaterializeResult(metadata=_metadata(report), check_results=[_refused(report)])

    return feed


def feed_assets() -> list[dg.AssetsDefinition]:
    """An asset for every feed that has a contract."""
    return [_feed_asset(contract) for contract in contracts().values()]
