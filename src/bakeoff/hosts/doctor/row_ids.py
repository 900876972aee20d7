"""Ids of data rows: runs of several contenders are joined by them."""

from collections.abc import Iterator

from bakeoff.finding import Finding, error
from bakeoff.hosts.doctor.bundle import Bundle


def check(bundle: Bundle) -> Iterator[Finding]:
    """Rows without an id, and ids that two rows share; one finding each a file, at the first such row."""
    for path, rows in bundle.tables.items():
        nameless = [row for row in rows if row.values.get("id") in (None, "")]
        if nameless:
            yield error(
                path,
                nameless[0].line,
                f"{len(nameless)} of {len(rows)} rows have no id, and answers are compared by id: add an `id` that "
                "stays with its row",
            )
        first: dict[str, int] = {}
        again = []
        for row in rows:
            if row not in nameless and first.setdefault(str(row.values["id"]), row.line) != row.line:
                again.append(row)
        if again:
            name = again[0].values["id"]
            more = f" ({len(again)} such rows)" if len(again) > 1 else ""
            yield error(
                path, again[0].line, f"id {name!r} is that of line {first[str(name)]} too{more}: give each row its own"
            )
