"""The Markdown of the report's notebooks in the reader's language.

The cells stand in the notebooks in English, line by line as they stand here for the catalogs. A copy is translated on
its way to the reader, so that there is one notebook for every language.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any

from dlqkit.language import mark, say

__all__ = ["NOTEBOOK_LINES", "translate_notebook"]

# What Markdown begins a line with belongs to no sentence.
_LINE = re.compile(r"(?P<begin>#+ |- )?(?P<text>.*?)(?P<end>\n?)")

_LINES = {
    # templates/postmortem.ipynb
    mark("Post-mortem"),
    mark("What happened, since when, why, and what remains: computed from the incident folder, with a box wherever a "
         "person must still judge."),
    mark("All times are UTC. Every number stands in `facts.json` beside this notebook."),
    mark("Problem"),
    mark("Which signals of the runbook's §1 are seen, and since when?"),
    mark("Timeline"),
    mark("What happened in which order, and what changed before it began?"),
    mark("Cause"),
    mark("Which failure class of §4, from what; the text's own suggestion stands beside it."),
    mark("Which cause was confirmed, by whom, and how? What made it possible, longer or worse?"),
    mark("Solution"),
    mark("What is to be done, and what remains?"),
    mark("What was done, when, what remains, and who owns it?"),
    mark("Prevention"),
    mark("What keeps this from happening again?"),
    mark("Lessons and follow-ups"),
    mark("What went well, what went badly, where was it luck, what surprised, and what is to be done?"),
    mark("Closure"),
    mark("May the incident be closed (§7)?"),
    mark("Evidence"),
    mark("What was asked of each source, what came, and what is missing?"),
    # notebooks/06_communication.ipynb
    mark("6 · Communication"),
    mark("**The question:** what do we tell the ticket, the client and the team: problem, cause, solution, prevention? "
         "(Runbook §6)"),
    mark("**You need** what you confirmed in [04_decision](04_decision.ipynb) and did in "
         "[05_republish](05_republish.ipynb), written into `judgement.yaml` in the incident folder:"),
    mark("cause: the orders database refused connections after its failover; confirmed by its owner"),
    mark("contributing_factors: [one pool for all clients, no alert on refused connections]"),
    mark("done: the connection pool was restarted at 14:42 UTC"),
    mark("solution_remaining: republish what is open"),
    mark("owner: storage team"),
    mark("prevention: alert on refused connections; retry with a longer pause"),
    mark("lessons: {{well: the alert came within a minute, badly: nobody knew whom to call}}"),
    mark("follow_ups: [{{what: an alert on refused connections, owner: storage team, due: 2026-03-20}}]"),
    mark("timeline: [{{at: 2026-03-02T14:05:00+00:00, who: Olga, what: saw the alert, milestone: known}}]"),
    mark("or from here, in a cell of your own: `dlqkit.write_judgement(incident, cause=\"…\")`. Other keys and "
         "comments of the file stay as they are."),
    mark("**You carry on** the text, and the post-mortem, to [07_closure](07_closure.ipynb)."),
    mark("The text"),
    mark("Computed sentences can be copied as they are. *Not known* and *Judgement needed* must not be sent: complete "
         "`judgement.yaml`, and run the notebook again. Do not send a client the error's text before you have read it: "
         "it may name other clients or machines."),
    mark("How large was it?"),
    mark("What happened when?"),
    mark("The post-mortem"),
    mark("`dlqkit postmortem DIR` writes it as HTML, Markdown and notebook into `report/` of the incident folder, with "
         "the same numbers as here. Ask somebody to read it: `dlqkit postmortem DIR --ask-review`; who has read it: "
         "`dlqkit postmortem DIR --reviewed-by NAME`. Attach it to the ticket."),
    mark("Finding"),
    mark("*Edit this: what was told to whom, and when.*"),
    mark("**Next:** [07_closure](07_closure.ipynb): may the incident be closed?"),
    # notebooks/07_closure.ipynb
    mark("7 · Closure"),
    mark("**The question:** may the incident be closed? (Runbook §7)"),
    mark("Four things must hold. dlqkit measures the first two in the evidence; the other two need a person: "
         "`dlqkit closure DIR --confirmed-by NAME --how TEXT` keeps what they said."),
    mark("**You need** a snapshot taken *after* the fix, and after quiet has lasted a while: `dlqkit closure DIR` "
         "takes one, and `--watch` goes on until quiet has lasted long enough."),
    mark("The checklist"),
    mark("**yes** holds from the time that is named *to the end of the evidence*; if that is long ago, collect again."),
    mark("**NO** says what was still seen, and when last."),
    mark("**not known** is not a yes: the evidence does not cover the whole time, or so little was done meanwhile that "
         "quiet shows nothing. The sentence says which, and how long quiet has to last."),
    mark("**needs a person**: ask, and keep who said it by `dlqkit closure DIR --confirmed-by NAME --how TEXT`."),
    mark("**accepted** shows who answers for an item that does not hold; it lapses when more speaks against it."),
    mark("Do the three counts agree?"),
    mark("What the records, the counter and the republish say of the same loss. Where a plan was run, events that no "
         "plan knows keep the incident open."),
    mark("Has it really ended?"),
    mark("The dead letters must have stopped while the successes went on. Dead letters that stop together with the "
         "successes mean that the worker does nothing any more."),
    mark("What remains open?"),
    mark("Events that are still dead letters. Closing leaves them so: name them in the ticket, with who decided that."),
    mark("Which evidence does this rest on?"),
    mark("*Edit this: who confirmed, when, and what stays open by whose decision.*"),
    mark("Then close the ticket, with the post-mortem attached, and record it: `dlqkit closure DIR --closed TICKET`. "
         "Run later, `dlqkit closure DIR` says whether the incident has come back. `dlqkit verify DIR` shows later "
         "that no byte of the evidence was changed."),
}  # fmt: skip
NOTEBOOK_LINES = frozenset(line.replace("{{", "{").replace("}}", "}") for line in _LINES)
"""Lines of Markdown without their sign of a heading or a list."""


def translate_notebook(notebook: Mapping[str, Any]) -> dict[str, Any]:
    """A copy whose Markdown is in the current language; lines that no catalog has stay as they are."""
    out = copy.deepcopy(dict(notebook))
    for cell in out["cells"]:
        if cell["cell_type"] == "markdown":
            lines = "".join(cell["source"]).splitlines(keepends=True)
            cell["source"] = [_translate(line) for line in lines]
    return out


def _translate(line: str) -> str:
    found = _LINE.fullmatch(line)
    if found is None or found["text"] not in NOTEBOOK_LINES:
        return line
    text = say(found["text"].replace("{", "{{").replace("}", "}}"))
    return f"{found['begin'] or ''}{text}{found['end']}"
