"""Writing to ``judgement.yaml``: a key gets a new value, every other line and comment stays as people wrote it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlqkit.errors import ParameterError
from dlqkit.evidence import audit_log
from dlqkit.evidence.people_file import editing, load_yaml
from dlqkit.evidence.store import create_bytes, read_words
from dlqkit.report.judgement import Judgement, parse_judgement, read_yaml

if TYPE_CHECKING:
    from dlqkit.evidence.folder import IncidentFolder

__all__ = ["TEMPLATE", "replace_keys", "write_judgement", "write_template"]

NAME = "judgement.yaml"
TEMPLATE = """\
# What people add to the post-mortem. The report asks for whatever is empty here, and is a draft until it is written.
# Where there is nothing to say, say so: "none", or [] for a list. Then: dlqkit postmortem DIR

# How bad, in your own scale. The report does not ask for it.
severity:
# What was confirmed, by whom, and how.
cause:
# What made it possible, longer or worse: a sentence, or a list of them.
contributing_factors:
# What was changed or restarted, and when.
done:
# What is still to be done until it is over, or "nothing".
solution_remaining:
# A person or a team: who owns what remains.
owner:
# What will keep this from happening again.
prevention:
# Each a sentence, or a list of them; one of the four is enough.
lessons:
  well:
  badly:
  lucky:
  surprised:
# A list. Of each: what, owner, due (2026-03-20), ticket, done (true or false); all but what may be left out.
follow_ups:
# What people saw or did. Of each: at (with its zone), who, what; milestone, if it is one: alert, known, fix or drained.
#  - {at: 2026-03-02T14:05:00+00:00, who: Olga, what: saw the alert, milestone: known}
timeline:
"""
# What only dlqkit writes, since it holds what was seen when it was said.
_RECORDED = {
    "closure": "Record it by dlqkit closure DIR.",
    "review": "Record it by dlqkit postmortem DIR --ask-review, or --reviewed-by NAME.",
}


def write_template(directory: Path) -> bool:
    """Put a ``judgement.yaml`` to fill in where there is none; whether it was written."""
    path = directory / NAME
    if path.exists():
        return False
    # As any other writer: a file that appears under someone who is writing is to him an editor's.
    with editing(path):
        return create_bytes(path, TEMPLATE.encode())


def write_judgement(folder: IncidentFolder | Path | str, **values: Any) -> Judgement:
    """Write your judgement from a notebook, as into ``judgement.yaml`` by hand.

    Parameters
    ----------
    folder : IncidentFolder or path
        The incident folder.
    **values
        Keys of ``judgement.yaml``, such as ``cause="…"``, ``lessons={"well": "…"}``, ``follow_ups=[{"what": "…"}]``;
        each in place of what that key holds now, None to empty it. Other keys and their comments stay as they are.

    Returns
    -------
    Judgement
        All of it, as the next report reads it.

    Raises
    ------
    ParameterError
        If a key means nothing or a value is not what it should be; nothing is written then.
    StorageError
        If it cannot be written.
    """
    for name, step in _RECORDED.items():
        if name in values:
            raise ParameterError(f"{name} is not written like a judgement.", step)
    directory = Path(folder if isinstance(folder, Path | str) else folder.path)
    if not (directory / "incident.toml").is_file():
        raise ParameterError(f"{directory.name} is no incident folder.", "Give one that dlqkit collect made.")
    write_template(directory)
    with editing(directory / NAME) as write:
        text = replace_keys(directory / NAME, values)
        # The log first: a word without a trace of it would be worse than a trace without a word.
        audit_log.append(directory, "judgement written", keys=sorted(values))
        write(text)
    return parse_judgement(read_yaml(directory / NAME))


def replace_keys(path: Path, values: Mapping[str, Any]) -> str:
    """The file's text with new values of some keys, checked; every other line stays.

    Raises
    ------
    ParameterError
        If a value is not what the key holds, or the file is written so that it cannot be kept.
    """
    import yaml

    before = read_yaml(path)
    text = read_words(path) if path.is_file() else ""
    try:
        blocks = {name: _dump(name, _plain(value)) for name, value in values.items()}
        wanted = {name: load_yaml(block)[name] for name, block in blocks.items()}
    except yaml.YAMLError as error:
        raise ParameterError(
            "A value is nothing that judgement.yaml can hold.", "Give texts, times, and lists or tables of them."
        ) from error
    parse_judgement({**before, **wanted} if isinstance(before, dict) else before)
    for name, block in blocks.items():
        text = _with_block(text, name, block)
    try:
        is_kept = load_yaml(text) == {**before, **wanted}
    except yaml.YAMLError:
        is_kept = False
    if not is_kept:
        raise ParameterError(
            f"judgement.yaml is written so that dlqkit cannot put {', '.join(values)} into it.",
            "Write each key on a line of its own, and what belongs to it below with two spaces before it.",
        )
    return text


def _plain(value: Any) -> Any:
    """Without pandas' own times, which YAML has no word for."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


def _dump(name: str, value: Any) -> str:
    import yaml

    return (
        f"{name}:\n" if value is None else yaml.safe_dump({name: value}, allow_unicode=True, sort_keys=False, width=100)
    )


def _with_block(text: str, name: str, block: str) -> str:
    # The key with what is below it: indented lines and items of a list. Blank lines and comments belong to it only
    # where more of it follows.
    own = re.compile(
        rf"""^(["']?){re.escape(name)}\1[ \t]*:.*(?:\n|\Z)"""
        r"(?:(?:[ \t]*(?:#.*)?\n)*(?:[ \t]+[^\s#]|-\s).*(?:\n|\Z))*",
        re.MULTILINE,
    )
    if own.search(text):
        return own.sub(lambda _: block, text, count=1)
    return f"{text.rstrip()}\n\n{block}" if text.strip() else block
