"""One landed file of given bytes: its load, its quarantine and its rows in the raw table.

Not here: tests.
"""

from tests.integration.landing import usage

FEED = "usage_records"
NAMES = list(usage("x"))


class Landed:
    def __init__(self, warehouse, landing):
        self.warehouse, self.landing = warehouse, landing

    def load(self, content, suffix="csv", **settings):
        folder = self.landing / FEED
        folder.mkdir(exist_ok=True)
        (folder / f"f.{suffix}").write_bytes(content)
        (report,) = self.warehouse.load(FEED, self.landing, quiet_seconds=0, **settings).files
        assert report.rows_in_file == report.rows_loaded + report.rows_quarantined + report.rows_duplicate or (
            report.status == "refused"
        )
        self.report = report
        self.warehouse.balance()
        return report

    def quarantine(self):
        return self.warehouse.ask(
            "select line_number, original_text, reasons from raw.quarantine where load_id = %s order by 1",
            self.report.load_id,
        )

    def ids(self):
        rows = self.warehouse.ask(
            f"select usage_id::text from raw.{FEED} where _load_id = %s order by _line_number", self.report.load_id
        )
        return [row[0] for row in rows]


def line(name, **values):
    return ",".join(str(value) for value in usage(name, **values).values())


def csv_of(*lines, header=NAMES, end="\n"):
    return end.join([",".join(header), *lines, ""]).encode()


def rows(test, count=5):
    """Distinct good rows, whose ids no other test uses."""
    return [f"{test} {i}" for i in range(count)]
