"""Facts and figures to HTML and Markdown: no script, no outside reference, every foreign word escaped once."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from dlqkit.language import current, listing, mark, retell, say, spoken_as_facts
from dlqkit.report import tables
from dlqkit.report.figure import Figure
from dlqkit.report.figure_tables import show_figure_data
from dlqkit.report.payload_tables import warn_of_payloads
from dlqkit.report.sections import choose_sections, report_status
from dlqkit.report.terms import term
from dlqkit.report.unbroken import words_html
from dlqkit.report.wording import counted_sources, headline, moment_text, seconds_between
from dlqkit.untrusted import for_html, for_markdown, for_markdown_alt

__all__ = [
    "banners",
    "footer_text",
    "has_no_scope",
    "meta_text",
    "missing_figure_text",
    "render_html",
    "render_markdown",
]

Facts = Mapping[str, Any]
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_STYLE = """
:root{--ink:#1a1a1a;--soft:#595959;--line:#c9c9c9;--paper:#fff;--blue:#005a94;--warn:#8a4b00;--warnbg:#fff6e6;
--judge:#5b3a8c;--judgebg:#f5f0fb}
*{box-sizing:border-box}
body{font:16px/1.45 system-ui,"DejaVu Sans",sans-serif;color:var(--ink);background:var(--paper);margin:0 auto;
padding:20px 24px 60px;max-width:1080px;overflow-wrap:break-word}
h1{font-size:1.45rem;line-height:1.2;margin:.1em 0 .35em;overflow-wrap:anywhere;text-wrap:balance}
h2{font-size:1.15rem;margin:2em 0 .5em;border-bottom:1px solid var(--line);padding-bottom:.2em}
h2+dl{border-top:0;margin-top:-.5em}.wide+dl,figure+dl{margin-top:1em}
p{margin:.5em 0}.meta,.evidence,.empty{color:var(--soft)}.meta,.evidence{font-size:.85rem}
dl{margin:0;border-top:1px solid var(--line)}
dl>div{display:grid;grid-template-columns:11.5rem 1fr;gap:0 1rem;padding:.32em .5em;border-bottom:1px solid var(--line)}
dt{font-weight:600}dd{margin:0;overflow-wrap:anywhere}
.mark{font-weight:700;font-size:.8rem;padding:0 .4em;border:1px solid;border-radius:3px;margin-right:.3em}
.unknown{background:var(--warnbg)}.unknown .mark{color:var(--warn)}
.judgement{background:var(--judgebg)}.judgement .mark{color:var(--judge)}
.said td{background:#edf5ef;font-style:italic}
.state{display:inline-block;font-weight:700;
border:2px solid var(--ink);border-radius:4px;padding:.05em .5em;font-size:.85rem}
.banner{background:var(--warnbg);border-left:5px solid var(--warn);padding:.5em .8em;margin:.6em 0}
.wide,.drawn{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.88rem;margin:.4em 0}
caption{text-align:left;font-weight:600;padding:.2em 0}
th,td{text-align:left;vertical-align:top;padding:.3em .55em;
border-bottom:1px solid var(--line);overflow-wrap:break-word}.long{overflow-wrap:anywhere}
.one,dd .evidence{display:inline-block;max-width:100%;overflow-wrap:anywhere}
code{font:.95em "DejaVu Sans Mono",monospace}
th{background:#f1f1f1;overflow-wrap:normal}td{min-width:3.2em;font-variant-numeric:tabular-nums}
td.when{min-width:8.6em}td.when:first-child,.few td.when{white-space:nowrap}td.span{min-width:14.5em}
figure{margin:1em 0}figure img{display:block;max-width:100%;height:auto;border:1px solid var(--line)}
figcaption{font-size:.85rem;color:var(--soft)}
details{margin:-.4em 0 1em}summary{cursor:pointer;color:var(--blue);font-size:.85rem;width:fit-content}
footer{margin-top:3em;font-size:.85rem;color:var(--soft)}
@media screen and (max-width:640px){body{padding:12px 12px 40px}dl>div{grid-template-columns:1fr}h1{font-size:1.25rem}
.drawn img{max-width:none;width:660px}.drawn+figcaption::before{content:"Scroll the figure sideways. "}}
@media screen and (min-width:1060px){td.prose{min-width:11em}td.command{min-width:20em}}
@media screen and (max-width:860px){table,caption,tbody,tr,td{display:block}thead{display:none}
tr{border:1px solid var(--line);border-radius:4px;padding:.25em 0;margin:.5em 0}
td,td.when,td.span{display:grid;grid-template-columns:6.6rem 1fr;gap:0 .6rem;border:0;min-width:0;
padding:.12em .6em;overflow-wrap:anywhere}td:empty{display:none}
td::before{content:attr(data-label);font-size:.78rem;font-weight:600;color:var(--soft);line-height:1.6}}
@page{size:A4;margin:15mm 14mm 16mm}
@media print{body{font-size:9.5pt;max-width:none;padding:0}h1{font-size:14pt}h2{font-size:11.5pt;margin-top:1.1em}
h2,caption,thead{break-after:avoid}tr,figure,dl>div,.banner{break-inside:avoid}p,figcaption{orphans:3;widows:3}
tbody tr:first-child,tbody tr:last-child{break-before:avoid}dl>div{padding:.2em .4em}
.wide,.drawn{overflow:visible}table{font-size:8pt;margin:.3em 0}th,td{padding:.2em .4em}td{min-width:0}
td.when{min-width:8.6em}td.span{min-width:14.5em}
figure{margin:.6em 0}.drawn img{max-height:88mm;margin:0 auto;border:0}details:not([open]){display:none}
.meta,.evidence,figcaption,footer{font-size:8pt}footer{margin-top:1em}a{color:inherit}}
"""
_SIDEWAYS = mark("Scroll the figure sideways. ")
# Records that end so long before the evidence does may lag behind, or nothing was recorded since.
LAG_S = 120.0
_WHOLE = {
    "complete": mark("complete"),
    "partial": mark("not whole"),
    "unverified": mark("not known to be whole"),
}
_FIGURES = {"signals": mark("signals"), "timeline": mark("timeline"), "durations": mark("durations")}


def banners(facts: Facts, problems: Sequence[str]) -> list[str]:
    """What is not whole, before anything else is read."""
    out = [say("This report is not whole: {problem}", problem=problem) for problem in problems]
    out += [warn_of_payloads(facts)] if facts["payloads"] else []
    cut: list[dict[str, str]] = []
    why: list[str] = []
    for row in counted_sources(facts):
        named = {"source": term(row["kind"]), "evidence_id": row["evidence_id"]}
        if row["completeness"] == "partial":
            text = say("Not whole: {source} [{evidence_id}].", **named)
            out.append(" ".join([text, *map(retell, row["missing"])]).strip())
        elif row["completeness"] == "unverified":
            cut.append(named)
            why += map(retell, row["missing"])
    if len(cut) == 1:
        text = say("{source} [{evidence_id}] may be cut: counts from it are “at least”.", **cut[0])
    elif cut:
        sources = listing([f"{one['source']} [{one['evidence_id']}]" for one in cut])
        text = say("May be cut, so that counts from them are “at least”: {sources}.", sources=sources)
    return [*out, " ".join([text, *dict.fromkeys(why), *_of_several_snapshots(facts)])] if cut else out


def _of_several_snapshots(facts: Facts) -> list[str]:
    """Why more events are seen than the newest answer has records; nothing where no more are."""
    seen = facts["events"]["affected"]["value"]
    listed = [row["received"] for row in facts["coverage"] if row["kind"] == "records: dead letters"]
    if not seen or not listed or seen <= max(listed):
        return []
    return [say("The {count} events seen are of this answer and of earlier snapshots together.", count=seen)]


def has_no_scope(facts: Facts) -> bool:
    """Whether no section of the report says of which window it is."""
    return facts["state"]["value"] in {"nothing", "unknown"}


def missing_figure_text(name: str) -> str:
    """What stands where a figure should be."""
    shown = say(_FIGURES[name]) if name in _FIGURES else name
    return say("The figure “{figure}” was not drawn.", figure=shown)


def meta_text(facts: Facts, *, window: bool = True) -> str:
    """Window, unless it is said elsewhere, snapshot, completeness, and as of when."""
    asked, snapshot = facts["incident"]["window"], facts["snapshot"]
    told = {
        "snapshot": snapshot["id"],
        "completeness": _completeness_text(facts),
        "as_of": moment_text(facts["as_of"]),
    }
    if window:
        text = say(
            "Window {start} to {end}; snapshot {snapshot}, evidence {completeness}, as of {as_of}. All times UTC.",
            start=moment_text(asked["start"], seconds=False),
            end=moment_text(asked["end"], seconds=False),
            **told,
        )
    else:
        text = say(
            "As of {as_of}, snapshot {snapshot}; evidence {completeness}. All times UTC. [{snapshot}/1] is a row of "
            "Sources.",
            **told,
        )
    starts = [row["asked_start"] for row in facts["coverage"] if row["asked_start"]]
    begin = min(starts, key=datetime.fromisoformat, default=asked["start"])
    if datetime.fromisoformat(begin) >= datetime.fromisoformat(asked["start"]):
        return text
    before = say("Charts and sources begin at {at}, for what is usual.", at=moment_text(begin, seconds=False))
    return f"{text} {before}"


def _completeness_text(facts: Facts) -> str:
    """Whether the evidence is whole, and of when its newest record is where an answer may lag behind."""
    whole = _WHOLE[facts["snapshot"]["completeness"]]
    text = say(whole)
    # The newest dead letter may be old for the best of reasons.
    told = [row for row in facts["coverage"] if row["kind"] in {"records: workflow", "records: export"}]
    ends = [row["got_end"] for row in told if row["got_end"]]
    newest = max(ends, key=datetime.fromisoformat, default=None)
    if newest is None or (seconds_between(newest, facts["as_of"]) or 0.0) < LAG_S:
        return text
    return say("{completeness}, newest record {at}", completeness=text, at=moment_text(newest))


@spoken_as_facts
def render_html(facts: Facts, figures: Sequence[Figure], *, problems: Sequence[str] = ()) -> str:
    """The post-mortem as one HTML file that asks nothing of a network.

    Parameters
    ----------
    facts : mapping
        From ``report.facts.facts``.
    figures : sequence of Figure
        What the notebook drew; a figure that is missing is said to be missing.
    problems : sequence of str
        Why the report is not whole, if it is not.
    """
    drawn = {figure.name: figure for figure in figures}
    style = _STYLE.replace(_SIDEWAYS, say(_SIDEWAYS))
    title, kind = say("Post-mortem: {headline}", headline=headline(facts)), say("Post-mortem")
    parts = [
        "<!doctype html>",
        f'<html lang="{for_html(current())}"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{for_html(_POLICY)}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="referrer" content="no-referrer">',
        f"<title>{for_html(title)}</title><style>{style}</style></head><body><main>",
        f'<p class="meta">{for_html(kind)} <span class="state">{for_html(report_status(facts))}</span></p>',
        f"<h1>{words_html(headline(facts))}</h1>",
        tables.Text("", tables.show_summary(facts, lacks=False).lines).to_html(),
        f'<p class="meta">{for_html(meta_text(facts, window=has_no_scope(facts)))}</p>',
    ]
    parts += [f'<p class="banner" role="note">{for_html(text)}</p>' for text in banners(facts, problems)]
    for heading, blocks in choose_sections(facts):
        parts.append(f"<section><h2>{for_html(heading)}</h2>")
        for block in blocks:
            if isinstance(block, str):
                name = block.removeprefix("figure:")
                parts += [_figure_html(drawn.get(name), name), _data_html(show_figure_data(facts, name), name in drawn)]
            elif not isinstance(block, tables.Text) or block.lines:
                parts.append(block.to_html())
        parts.append("</section>")
    parts.append(f"<footer>{for_html(footer_text(facts))}</footer></main></body></html>\n")
    return "\n".join(parts)


def _figure_html(figure: Figure | None, name: str) -> str:
    if figure is None:
        return f'<p class="banner">{for_html(missing_figure_text(name))}</p>'
    data = base64.b64encode(figure.png).decode("ascii")
    alt = for_html(figure.alt)
    # On a phone it is scrolled sideways, which must be within reach of a keyboard.
    label = say("Figure")
    box = f'<div class="drawn" role="group" aria-label="{for_html(label)}" tabindex="0">'
    image = f'<img src="data:image/png;base64,{data}" alt="{alt}">'
    return f"<figure>{box}{image}</div><figcaption>{words_html(figure.alt)}</figcaption></figure>"


def _data_html(data: Sequence[tables.Table], is_drawn: bool) -> str:
    """The figure's numbers, folded: they are there for whoever cannot see it, or wants to copy one."""
    if not data and not is_drawn:
        return ""
    none = say("There are none: no record, log line or sample is in it.")
    shown = "".join(table.to_html() for table in data) or f"<p>{for_html(none)}</p>"
    title = say("The figure's numbers")
    return f"<details><summary>{title}</summary>{shown}</details>"


def footer_text(facts: Facts) -> str:
    """What made the report, and of what."""
    text = say(
        "Made by dlqkit {version} from snapshot {snapshot}; numbers are those of facts.json.",
        version=facts["dlqkit"],
        snapshot=facts["snapshot"]["id"],
    )
    more = [say("§1 to §7 are the steps of the runbook.")]
    more += [say("Personal data are replaced by pseudonyms.")] if facts.get("redacted") else []
    more += [say("Payloads are shown as they came.")] if facts["payloads"] else []
    return " ".join([text, *more])


@spoken_as_facts
def render_markdown(facts: Facts, figures: Sequence[Figure], *, problems: Sequence[str] = ()) -> str:
    """The post-mortem as Markdown for a ticket; figures are named by what they show."""
    drawn = {figure.name: figure for figure in figures}
    parts = [f"# {for_markdown(headline(facts))}", "", f"*{for_markdown(report_status(facts))}*", ""]
    meta = meta_text(facts, window=has_no_scope(facts))
    parts += [tables.Text("", tables.show_summary(facts, lacks=False).lines).to_markdown(), "", for_markdown(meta), ""]
    for text in banners(facts, problems):
        parts += [f"> {for_markdown(text)}", ""]
    for title, blocks in choose_sections(facts):
        parts += [f"## {for_markdown(title)}", ""]
        for block in blocks:
            if isinstance(block, str):
                name = block.removeprefix("figure:")
                figure = drawn.get(name)
                parts += [
                    f"![{for_markdown_alt(figure.alt)}](figures/{name}.png)"
                    if figure
                    else for_markdown(missing_figure_text(name)),
                    "",
                ]
            elif not isinstance(block, tables.Text) or block.lines:
                parts += [block.to_markdown(), ""]
    parts += ["---", "", for_markdown(footer_text(facts)), ""]
    return "\n".join(parts)
