"""What differs between two packages' files: rows added, gone, changed.

Not here: reading packages.
"""

from __future__ import annotations

from collections.abc import Mapping

from orchestration.regulatory.layouts import Layout, bytes_to_rows

MOST_EXAMPLES = 20
Change = tuple[str, str, str, str, str]


def file_changes(layout: Layout, before: bytes, after: bytes) -> list[Change]:
    """(file, added | gone | changed, key, row before, row after) of each row that is not the same, by key.

    Rows with one key (which a check refuses) are compared together.
    """
    sides: list[dict[str, list[str]]] = []
    for content in (before, after):
        rows: dict[str, list[str]] = {}
        for row in bytes_to_rows(layout, content):
            rows.setdefault(" ".join(layout.key(row)), []).append(",".join(row))
        sides.append(rows)
    old, new = sides
    changes: list[Change] = []
    for key in sorted(old.keys() | new.keys()):
        was, now = " | ".join(sorted(old.get(key, []))), " | ".join(sorted(new.get(key, [])))
        if was != now:
            kind = "added" if key not in old else "gone" if key not in new else "changed"
            changes.append((layout.file_name, kind, key, was, now))
    return changes


def difference(number: int, changes: Mapping[str, list[Change]]) -> dict[str, object]:
    """The difference as the database keeps it: counts and the first examples of each file.

    Args:
        number: of the package that it is compared with.
        changes: by file.
    """
    files = []
    for name, rows in changes.items():
        counts = {kind: sum(row[1] == kind for row in rows) for kind in ("added", "gone", "changed")}
        examples = [
            {"change": kind, "key": key, "before": before or None, "after": after or None}
            for _, kind, key, before, after in rows[:MOST_EXAMPLES]
        ]
        files.append({"file": name, **counts, "examples": examples})
    return {"package_number": number, "files": files}
