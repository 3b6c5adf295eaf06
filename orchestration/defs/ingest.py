"""One asset per feed: its new files into its raw table, and a check that no file was refused.

Not here: how a file is loaded (ingestion).
"""

import html
from pathlib import Path

import dagster as dg
import psycopg

from ingestion.contract import Contract, contracts
from ingestion.landing import landed_files, new_bytes, record_findings, strays
from ingestion.loader import FeedReport, load_feed
from ingestion.raw_tables import create_raw_tables
from ingestion.walking import Finding
from orchestration.apart import apart, in_own_process
from orchestration.defs.resources import WarehouseResource

GROUP = "ingest"
REFUSED_CHECK = "no_refused_files"
LEFT_CHECK = "nothing_left_behind"
STRAYS_CHECK = "every_folder_has_a_contract"
# A process takes a second or two to begin.
_LARGE_BYTES = 16 << 20


def feed_key(feed: str) -> dg.AssetKey:
    """The key under which dbt's source and the asset are one."""
    return dg.AssetKey(["raw", feed])


def _is_large(url: str, landing: Path, feed: str) -> bool:
    """Whether what is new of a feed is worth a process of its own beside the other feeds."""
    files, _ = landed_files(landing, feed)
    if sum(file.size_bytes for file in files) < _LARGE_BYTES:
        return False
    with psycopg.connect(url, autocommit=True) as connection:
        create_raw_tables(connection)
        return new_bytes(connection, landing, feed) >= _LARGE_BYTES


def _cell(text: str) -> str:
    """Text from outside in a table's cell."""
    return html.escape(text).replace("|", "&#124;").replace("`", "&#96;").replace("\n", " ")


def _metadata(report: FeedReport) -> dict[str, dg.MetadataValue]:
    """What a load did, in numbers and file names; never values."""
    loaded = [file for file in report.files if file.status == "loaded"]
    rows = [
        f"| {_cell(file.file_name)} | {file.status} | {file.rows_in_file} | {file.rows_loaded} |"
        f" {file.rows_quarantined} | {file.rows_duplicate} | {_cell(', '.join(file.unknown_columns))} |"
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


def _left(check: str, found: tuple[Finding, ...]) -> dg.AssetCheckResult:
    """A place that could not be read may lack data, so it is an error; other findings are warnings."""
    return dg.AssetCheckResult(
        check_name=check,
        passed=not found,
        severity=dg.AssetCheckSeverity.ERROR if any(f.is_error for f in found) else dg.AssetCheckSeverity.WARN,
        description="; ".join(f"{finding.file_name}: {finding.reason}" for finding in found) or None,
        metadata={"findings": len(found)},
    )


@dg.asset(
    key=["raw", "landing_findings"],
    group_name=GROUP,
    kinds={"python", "postgres"},
    check_specs=[
        dg.AssetCheckSpec(
            STRAYS_CHECK,
            asset=["raw", "landing_findings"],
            description="Everything in the landing folder lies in the folder of a feed that has a contract.",
        )
    ],
)
def landing_findings(warehouse: WarehouseResource) -> dg.MaterializeResult:
    """One row per thing in the landing folder that was not loaded, and why, as the last run found it."""
    found = strays(warehouse.settings().landing_dir)
    with psycopg.connect(warehouse.url, autocommit=True) as connection:
        create_raw_tables(connection)
        record_findings(connection, None, found)
    return dg.MaterializeResult(check_results=[_left(STRAYS_CHECK, tuple(found))])


def _feed_asset(contract: Contract) -> dg.AssetsDefinition:
    @dg.asset(
        key=feed_key(contract.feed),
        group_name=GROUP,
        description=contract.description,
        kinds={"python", "postgres"},
        metadata={"source_system": contract.source_system, "expected_every": str(contract.expected_every)},
        # The feeds with most rows by far.
        op_tags=apart("feeds") if contract.partition_by else None,
        check_specs=[
            dg.AssetCheckSpec(
                REFUSED_CHECK, asset=feed_key(contract.feed), description="No file of this load was refused whole."
            ),
            dg.AssetCheckSpec(
                LEFT_CHECK,
                asset=feed_key(contract.feed),
                description="Everything in the feed's folder could be read and was not being written to.",
            ),
        ],
    )
    def feed(warehouse: WarehouseResource) -> dg.MaterializeResult:
        settings = warehouse.settings()
        load = in_own_process(load_feed) if _is_large(warehouse.url, settings.landing_dir, contract.feed) else load_feed
        report = load(
            contract.feed,
            landing=settings.landing_dir,
            warehouse_url=warehouse.url,
            pii_key=warehouse.pii_key(),
            max_bad_row_share=settings.max_bad_row_share,
            max_vanishing_share=settings.max_vanishing_share,
            quiet_seconds=settings.landing_quiet_seconds,
        )
        return dg.MaterializeResult(
            metadata=_metadata(report), check_results=[_refused(report), _left(LEFT_CHECK, report.left)]
        )

    return feed


def feed_assets() -> list[dg.AssetsDefinition]:
    """An asset for every feed that has a contract, and one for what belongs to none."""
    return [landing_findings, *(_feed_asset(contract) for contract in contracts().values())]
