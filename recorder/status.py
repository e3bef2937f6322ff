"""What is recorded, how fresh, what is missing, what it costs: collected for a person or a machine."""

import shutil
import time
from pathlib import Path
from typing import Any

from analytics import Lake, LakeNotFoundError
from recorder.journal.reader import writer_alive
from recorder.lake.store.manifest import read_notices
from recorder.lake.store.tables import TABLES
from recorder.vitals import read_status


def collect(data_dir: Path) -> dict[str, Any]:
    """Everything `recorder status` knows, ready for JSON. Times are ns since the epoch unless named _us."""
    recorders = [_recorder(directory) for directory in sorted((data_dir / "journal").glob("*/"))]
    report: dict[str, Any] = {
        "data_dir": str(data_dir.resolve()),
        "at_ns": time.time_ns(),
        "recorders": recorders,
        "disk": _disk(data_dir),
        "tables": [],
        "gaps": {"open": [], "last_day": []},
        "grades": {"last_day": {}},
        "notices": {},
    }
    try:
        lake = Lake(data_dir)
    except LakeNotFoundError:
        return report
    report["tables"] = _tables(lake)
    report["notices"] = read_notices(data_dir)
    report["gaps"] = {
        "open": _rows(
            lake,
            "SELECT reason, count(*) AS n FROM gaps WHERE ts_end IS NULL GROUP BY reason ORDER BY n DESC",
        ),
        "last_day": _rows(
            lake,
            "SELECT reason, coalesce(stream, 'all') AS stream, count(*) AS n, "
            "round(sum(epoch_us(coalesce(ts_end, now())) - epoch_us(ts_start)) / 1e6, 1) AS seconds, "
            "count(*) FILTER (repaired = 'fully') AS fully, count(*) FILTER (repaired = 'partly') AS partly "
            "FROM gaps WHERE coalesce(ts_end, now()) > now() - INTERVAL 1 DAY "
            "GROUP BY ALL ORDER BY seconds DESC",
        ),
    }
    graded = "SELECT grade, count(*) AS n FROM coverage WHERE minute > now() - INTERVAL 1 DAY GROUP BY ALL"
    report["grades"]["last_day"] = {row["grade"]: row["n"] for row in _rows(lake, f"{graded} ORDER BY grade")}
    return report


def _recorder(directory: Path) -> dict[str, Any]:
    said = read_status(directory)
    segments = list(directory.glob("*.zst"))
    return {
        "recorder": directory.name,
        "running": writer_alive(directory),
        "journal_segments": len(segments),
        "journal_bytes": sum(path.stat().st_size for path in segments),
        "service": said,
    }


def _disk(data_dir: Path) -> dict[str, int]:
    usage = shutil.disk_usage(data_dir if data_dir.exists() else data_dir.resolve().parent)
    return {"free_bytes": usage.free, "total_bytes": usage.total}


def _tables(lake: Lake) -> list[dict[str, Any]]:
    files = lake.files()
    now_us = time.time_ns() // 1000  # an open gap reaches beyond
    tables = []
    for name in TABLES:
        own = [file for file in files if file.table == name and file.rows]
        tables.append(
            {
                "table": name,
                "rows": sum(file.rows for file in own),
                "files": len(own),
                "bytes": sum(file.bytes for file in own),
                "newest_us": min(max(file.max_us for file in own), now_us) if own else None,
            }
        )
    return tables


def _rows(lake: Lake, query: str) -> list[dict[str, Any]]:
    relation = lake.sql(query)
    assert relation is not None
    return [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]
