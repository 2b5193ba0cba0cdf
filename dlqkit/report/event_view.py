"""One event's history for a notebook: a line of time from top to bottom, its texts bounded, its payload folded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from dlqkit.errors import ParameterError
from dlqkit.language import date_and_time, number, say, say_count
from dlqkit.notebook_html import folded_html, lines_html, text_html
from dlqkit.report.payload_text import indent_json
from dlqkit.report.redact import mask_credentials, mask_payload_values, mask_text
from dlqkit.report.tables import Table
from dlqkit.report.terms import term
from dlqkit.report.wording import duration_text
from dlqkit.untrusted import for_html, for_markdown, for_terminal_lines

if TYPE_CHECKING:
    from dlqkit.evidence.folder import IncidentFolder

__all__ = ["EventView", "Moment", "show_event"]

# As ``plots.theme`` has them, by shape too: colour alone tells nobody who cannot see it.
_SIGNS = {"dead": ("✖", "#d55e00"), "failed": ("▲", "#e69f00"), "succeeded": ("●", "#0072b2"), "": ("○", "#808080")}
_SIGN_STYLE = "width:1.2em;flex-shrink:0;text-align:center"
_MOMENT_STYLE = "border-left:3px solid #b0b0b0;padding:0 0 12px 12px;min-width:0"
# An event of more moments than this has its own middle left out.
MOST_MOMENTS = 200
_HEAD = MOST_MOMENTS // 2
_LOG_OUTCOMES = {"ERROR": "failed", "CRITICAL": "failed", "FATAL": "failed"}


@dataclass(frozen=True, slots=True)
class Moment:
    """What was recorded or logged of an event at one time; texts are raw."""

    at: str
    after: str
    """How long after the moment before."""
    outcome: str
    """``dead``, ``failed``, ``succeeded``, or empty."""
    what: str
    """Record or log line, status or level, attempts, duration."""
    text: str


@dataclass(frozen=True, slots=True)
class EventView:
    """An event's history, which shows itself in order of time."""

    title: str
    ids: tuple[tuple[str, str], ...]
    moments: tuple[Moment, ...]
    payloads: tuple[str, ...] = field(default=(), repr=False)
    """Empty unless they were asked for."""
    left_out: int = 0
    """Moments in the middle of a history that is too long to be read."""

    def _repr_html_(self) -> str:
        return self.to_html()

    def __repr__(self) -> str:
        return self.to_text()

    def to_html(self) -> str:
        """A vertical line of time, every word escaped once."""
        parts = [f'<p style="margin:4px 0"><strong>{for_html(self.title)}</strong></p>']
        if not self.moments:
            return f"{parts[0]}<p>{for_html(say('nothing is known of it in this snapshot'))}</p>"
        ids = "<br>".join(f"{for_html(name)} <code>{for_html(value)}</code>" for name, value in self.ids)
        parts.append(f'<p style="margin:4px 0 10px 0;overflow-wrap:anywhere">{ids}</p>')
        items = "".join(self._items())
        parts.append(f'<ol style="list-style-type:none;margin:0;padding:0">{items}</ol>')
        for count, payload in enumerate(self.payloads, 1):
            title = say("Payload {number} of {payloads}, {letters} letters: as it came, it may hold personal data",
                        number=count, payloads=len(self.payloads), letters=len(payload))  # fmt: skip
            parts.append(folded_html(title, lines_html(indent_json(payload))))
        return f'<div style="max-width:70em">{"".join(parts)}</div>'

    def _items(self) -> Iterator[str]:
        for place, moment in enumerate(self.moments):
            if self.left_out and place == _HEAD:
                yield f'<li style="margin:0;padding:2px 0 12px 30px">⋮ {for_html(self._gap())}</li>'
            sign, color = _SIGNS[moment.outcome]
            after = f' <span style="opacity:0.75">{for_html(moment.after)}</span>' if moment.after else ""
            yield (
                '<li style="display:flex;margin:0">'
                f'<span aria-hidden="true" style="color:{color};{_SIGN_STYLE}">{sign}</span>'
                f'<div style="{_MOMENT_STYLE}">'
                f"<strong>{for_html(moment.at)}</strong>{after}<br>{for_html(moment.what)}"
                f"{self._text(moment.text)}</div></li>"
            )

    @staticmethod
    def _text(text: str) -> str:
        if not text:
            return ""
        pretty = indent_json(text) if text.lstrip()[:1] in {"{", "["} else text
        shown = lines_html(pretty) if "\n" in pretty and len(pretty) <= 400 else text_html(text)
        if "\n" in pretty and len(pretty) > 400:
            shown = folded_html(f"{text.split(chr(10))[0][:120]}…", lines_html(pretty))
        return f'<div style="overflow-wrap:anywhere">{shown}</div>'

    def _gap(self) -> str:
        return say_count("{count} moment between is left out", "{count} moments between are left out", self.left_out)

    def as_table(self) -> Table:
        """The history as rows.

        Raises
        ------
        ParameterError
            If it shows the payload: then its texts hold what the payload says.
        """
        if self.payloads:
            raise ParameterError("This history shows its payload.", "Make it without: show_event(incident, id)")
        rows = tuple((one.at, one.after, one.what, one.text) for one in self.moments)
        return Table(self.title, (say("when"), say("after the one before"), say("what"), say("text")), rows)

    def to_markdown(self) -> str:
        """A list in order of time; payloads are left out."""
        lines = [f"**{for_markdown(self.title)}**", ""]
        for place, moment in enumerate(self.moments):
            lines += [f"- {for_markdown(self._gap())}"] if self.left_out and place == _HEAD else []
            text = f": {for_markdown(moment.text)}" if moment.text else ""
            lines.append(f"- {for_markdown(moment.at)} {for_markdown(moment.what)}{text}")
        return "\n".join(lines)

    def to_text(self, width: int = 100) -> str:
        """The same for a terminal; payloads are left out."""
        lines = for_terminal_lines(self.title, width, break_words=False)
        for place, moment in enumerate(self.moments):
            lines += [self._gap()] if self.left_out and place == _HEAD else []
            lines += for_terminal_lines(f"{moment.at}  {moment.what}  {moment.after}".rstrip(), width)
            lines += [f"    {part}" for part in for_terminal_lines(moment.text, width - 4, 4)] if moment.text else []
        return "\n".join(lines)


def show_event(incident: IncidentFolder, event_id: str, *, payload: bool = False) -> EventView:
    """One event's history: every record and log line, in order of time.

    Parameters
    ----------
    incident : IncidentFolder
        An opened snapshot.
    event_id : str
        An event key, trace_id or record_id; empty where there is none to show.
    payload : bool
        Whether its payload is shown and its texts as they came; else texts are without values of the payload and
        without credentials. A notebook that shows a payload holds it.
    """
    from dlqkit.executions.event_history import event_history, records_of_event

    if not event_id:
        return EventView(say("no dead letter here; name an event"), (), ())
    records, logs = incident.records().frame, incident.worker_logs().frame
    own = records_of_event(records, event_id).sort_values("recorded_at", kind="stable")
    lines = logs[logs["trace_id"].isin({event_id, *own["trace_id"].dropna()})]
    if not len(own) and not len(lines):
        return EventView(say("Event {id}", id=event_id), (), ())
    payloads = tuple(dict.fromkeys(own["payload_snapshot"].dropna().astype("str")))
    if not payload:
        own = own.assign(last_error=mask_payload_values(own))
        lines = lines.assign(message=[_masked(text, payloads) for text in lines["message"].astype("str").fillna("")])
    history = event_history(own, event_id, worker_logs=lines)
    outcomes = _outcomes(history, own)
    moments = list(_moments(history, outcomes))
    left_out = max(len(moments) - MOST_MOMENTS, 0)
    if left_out:
        moments = moments[:_HEAD] + moments[_HEAD + left_out :]
    told = [(name, list(dict.fromkeys(history[name].dropna().astype("str")))) for name in ("workflow_id", "trace_id")]
    return EventView(
        say("Event {id}", id=event_id),
        tuple((name, ", ".join(values)) for name, values in told if values),
        tuple(moments),
        payloads if payload else (),
        left_out,
    )


def _masked(text: str, payloads: tuple[str, ...]) -> str:
    for one in payloads:
        text = mask_text(text, one, ())
    return mask_credentials(text)


def _outcomes(history: pd.DataFrame, own: pd.DataFrame) -> list[str]:
    """Of a record as the analyses tell it, of a log line by its level; both frames in order of time."""
    from dlqkit.signals.outcomes import record_outcomes

    is_record = history["kind"] == "record"
    out = history["state"].astype("str").fillna("").str.upper().map(_LOG_OUTCOMES).fillna("").astype("object")
    out[is_record] = record_outcomes(own).to_numpy(dtype=object)
    return [str(one) if one in _SIGNS else "" for one in out]


def _moments(history: pd.DataFrame, outcomes: list[str]) -> Iterator[Moment]:
    before: Any = pd.NaT
    for row, outcome in zip(history.to_dict("records"), outcomes, strict=True):
        at = row["at"]
        # A pause of under a second is between lines of the same attempt.
        pause = (at - before).total_seconds() if not pd.isna(at) and not pd.isna(before) else 0
        after = say("{duration} later", duration=duration_text(pause)) if pause >= 1 else ""
        before = before if pd.isna(at) else at
        tries, took = row["attempts"], row["duration_ms"]
        parts = [
            term(row["kind"]),
            str(row["state"]),
            "" if pd.isna(tries) else say_count("{count} attempt", "{count} attempts", int(tries)),
            "" if pd.isna(took) else say("{duration} ms", duration=number(float(took), 1 if took < 100 else 0)),
        ]
        yield Moment(
            say("time not known") if pd.isna(at) else date_and_time(at),
            after,
            outcome,
            ", ".join(filter(None, parts)),
            "" if pd.isna(row["text"]) else str(row["text"]),
        )
