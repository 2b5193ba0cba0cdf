"""What clients reported: a CSV of trace ids or business keys, with times."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Mapping
from pathlib import Path

import pandas as pd

from dlqkit.errors import ParameterError
from dlqkit.frames import SUPPORT_REPORTS, Coverage, Loaded
from dlqkit.language import in_english, mark
from dlqkit.sources.export_lots import LONGEST_CELL
from dlqkit.sources.masking import Masks
from dlqkit.sources.record_values import read_times

__all__ = ["SupportReports"]

_NAMES: Mapping[str, tuple[str, ...]] = {
    "reported_at": ("reportedat", "time", "timestamp", "date", "datetime", "createdat", "at"),
    "trace_id": ("traceid", "trace"),
    "business_key": ("businesskey", "key", "orderid", "order", "paymentid", "invoiceid", "shipmentid", "eventid", "id",
                     "reference"),
    "note": ("note", "comment", "text", "message", "description", "subject"),
}  # fmt: skip


# Clients who write in are counted in thousands, and a report has some hundred bytes.
_MOST_BYTES = 128 << 20


class SupportReports:
    """Reads a CSV of reports.

    Parameters
    ----------
    path : Path
        Comma, semicolon or tab; the first line names the columns.
    timezone : str, optional
        Of times without an offset; without it they are not used.
    secrets : collection of str, optional
        Masked where the file holds them.
    """

    def __init__(self, path: Path | str, *, timezone: str | None = None, secrets: Collection[str] = ()) -> None:
        self._masks = Masks(secrets)
        self._path = Path(path)
        self._timezone = timezone

    def load(self) -> Loaded:
        """Every report.

        Returns
        -------
        Loaded
            ``frames.SUPPORT_REPORTS``; columns that are none of these go into ``note``.

        Raises
        ------
        ParameterError
            If the file cannot be read, or names neither a trace nor a business key.
        """
        try:
            if self._path.stat().st_size > _MOST_BYTES:
                raise ParameterError(
                    f"The reports {self._path.name} are larger than {_MOST_BYTES >> 20} MiB.",
                    "Leave in them what was reported while the incident lasted.",
                )
            body, masked = self._masks.apply(self._path.read_bytes())
            text = body.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise ParameterError(f"The reports {self._path} cannot be read: {reason}.", "Check the path.") from None
        lines = text.strip("\n")
        delimiter = max(",;\t", key=lines.split("\n", 1)[0].count)
        csv.field_size_limit(LONGEST_CELL)
        reader = csv.DictReader(io.StringIO(lines), delimiter=delimiter, restkey="…", restval="")
        try:
            rows, names = list(reader), list(reader.fieldnames or ())
        except csv.Error:
            raise ParameterError(
                f"The reports {self._path.name} have a cell that is longer than any report.",
                "Look for a quote that is not closed.",
            ) from None
        found = _find(names)
        if names and not {"trace_id", "business_key"} & set(found):
            raise ParameterError(
                f"The reports {self._path.name} have no column of a trace id or a business key.",
                "Name one trace_id or business_key in its first line.",
            )
        frame, findings = self._frame(rows, found)
        if masked:
            findings.append(in_english(mark("Known secrets stood in {count} places; they are masked."), count=masked))
        undated = int(frame["reported_at"].isna().sum())
        text = mark("{count} of {reports} reports have no time that can be read.")
        coverage = Coverage(
            rows=len(frame),
            # Without a single time they cannot be laid beside anything.
            completeness="unverified" if undated and undated == len(frame) else "complete",
            missing=(in_english(text, count=undated, reports=len(frame)),) if undated else (),
            findings=tuple(findings),
        )
        return Loaded(frame, coverage, self._path.name)

    def _frame(self, rows: list[dict[str, str]], found: Mapping[str, str]) -> tuple[pd.DataFrame, list[str]]:
        columns = {
            column: pd.Series([(row.get(name) or "").strip() or None for row in rows], dtype="str")
            for column, name in found.items()
        }
        times, findings = read_times(
            columns.get("reported_at", pd.Series([None] * len(rows), dtype="str")),
            self._timezone,
            setting="support_reports.timezone",
        )
        rest = [name for name in (rows[0] if rows else ()) if name not in found.values()]
        notes = [
            "; ".join(
                part
                for part in (
                    str(row.get(found.get("note", ""), "") or ""),
                    *(f"{n}: {row[n]}" for n in rest if row.get(n)),
                )
                if part
            )
            for row in rows
        ]
        made = {**columns, "reported_at": times, "note": pd.Series(notes, dtype="str")}
        empty = pd.Series([None] * len(rows), dtype="str")
        frame = pd.DataFrame({name: made.get(name, empty).astype(dtype) for name, dtype in SUPPORT_REPORTS.items()})
        return frame, findings


def _find(names: list[str]) -> dict[str, str]:
    by_normal = {name.lower().replace("_", "").replace("-", "").replace(" ", ""): name for name in names if name}
    out: dict[str, str] = {}
    for column, known in _NAMES.items():
        match = next((by_normal[one] for one in known if one in by_normal), None)
        if match is not None and match not in out.values():
            out[column] = match
    return out
