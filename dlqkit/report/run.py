"""Make the post-mortem: facts first, then Papermill for the figures, then HTML and Markdown of both."""

from __future__ import annotations

import base64
import errno
import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlqkit import errors
from dlqkit.errors import ParameterError
from dlqkit.language import SOURCE, current, mark, say, say_count
from dlqkit.notebook_html import Shown
from dlqkit.report.notebook_process import NotebookProcess, start_process
from dlqkit.report.papermill_run import CELL_FAILED, KERNEL_DIED, TOOK_TOO_LONG
from dlqkit.resources import find_template
from dlqkit.untrusted import for_json

# Whatever imports pandas is imported once the notebook's process has begun, which has its own to import meanwhile.
if TYPE_CHECKING:
    from dlqkit.evidence.folder import IncidentFolder
    from dlqkit.report.figure import Figure

__all__ = ["FORMATS", "PostmortemResult", "run_notebook", "run_postmortem"]

FORMATS = ("ipynb", "html", "md", "pdf")
CELL_TIMEOUT_S = 600
START_TIMEOUT_S = 120
RUN_TIMEOUT_S = 4 * CELL_TIMEOUT_S
# Everything a Python kernel and matplotlib need to start, and nothing that could be a credential.
_KERNEL_ENVIRONMENT = (
    "PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TMPDIR", "TEMP", "TMP",
    "VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX", "LD_LIBRARY_PATH",
    "MPLCONFIGDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "JUPYTER_RUNTIME_DIR",
    "JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR",
)  # fmt: skip


@dataclass(frozen=True, slots=True, repr=False)
class PostmortemResult(Shown):
    """Where the post-mortem is, whether it is whole, and why not."""

    paths: Mapping[str, Path]
    complete: bool
    problems: tuple[str, ...]
    facts: Mapping[str, Any]

    def _shown(self) -> tuple[str, list[tuple[str, object]]]:
        return f"Post-mortem, {'whole' if self.complete else 'not whole'}", [
            *((kind, path) for kind, path in self.paths.items()),
            ("not whole because", " ".join(self.problems)),
        ]


def kernel_environment(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """The part of the environment that a notebook's kernel may see."""
    source = os.environ if environ is None else environ
    return {name: source[name] for name in _KERNEL_ENVIRONMENT if name in source}


def _declared_parameters(notebook: Mapping[str, Any]) -> dict[str, str]:
    import ast

    for cell in notebook["cells"]:
        if "parameters" in cell.get("metadata", {}).get("tags", []):
            tree = ast.parse("".join(cell["source"]))
            return {
                node.target.id: ast.unparse(node.annotation)
                for node in tree.body
                if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
            }
    return {}


def check_parameters(notebook: Path, parameters: Mapping[str, object]) -> None:
    """Refuse a name that the notebook does not declare, or a value of another type.

    Raises
    ------
    ParameterError
        Papermill itself would inject both: a name as code, and a wrong value in silence.
    """
    declared = _declared_parameters(json.loads(notebook.read_text(encoding="utf-8")))
    for name, value in parameters.items():
        if name not in declared:
            known = ", ".join(declared) or "none"
            raise ParameterError(f"{notebook.name} has no parameter {name[:40]!r}.", f"Its parameters are: {known}.")
        if type(value).__name__ != declared[name]:
            raise ParameterError(
                f"The parameter {name} is {type(value).__name__}, not {declared[name]}.",
                f"Give {name} as {declared[name]}.",
            )


def run_notebook(
    source: Path, target: Path, parameters: Mapping[str, object], *, shown: Mapping[str, str] | None = None,
    process: NotebookProcess | None = None, meanwhile: Callable[[], None] | None = None,
) -> tuple[dict[str, Any] | None, list[str]]:  # fmt: skip
    """Execute a notebook by Papermill and judge from its cells whether it ran to its end.

    Parameters
    ----------
    source, target : Path
        The notebook, and where Papermill writes it executed; the target's folder is the kernel's working directory.
    parameters : mapping
        Values of the notebook's own parameters.
    shown : mapping, optional
        For a parameter, what stands in the notebook instead of its value.
    process : NotebookProcess, optional
        One that was started before, in the target's folder.
    meanwhile : callable, optional
        Called while the cells run.

    Returns
    -------
    (dict or None, list of str)
        The executed notebook without this machine's paths, and one sentence for each thing that is not whole.
        A kernel that died leaves "completed" in Papermill's own metadata, so those are not asked.
    """
    check_parameters(source, parameters)
    request = {
        "source": str(source),
        "target": str(target),
        "parameters": dict(parameters),
        "cwd": str(target.parent),
        "cell_timeout_s": CELL_TIMEOUT_S,
        "start_timeout_s": START_TIMEOUT_S,
    }
    problems = []
    try:
        with nullcontext(process) if process else start_process(target.parent, kernel_environment()) as running:
            done = running.execute(request, RUN_TIMEOUT_S, meanwhile)
        if done.code != 0:
            problems.append(_why_it_stopped(done.code, done.said))
    except subprocess.TimeoutExpired:
        problems.append(say("the notebook took too long and was stopped."))
    if not target.is_file():
        return None, [*problems, say("Papermill wrote no notebook.")]
    notebook = json.loads(target.read_text(encoding="utf-8"))
    return _without_traces(notebook, parameters, shown or {}), problems + _judge(notebook)


def _why_it_stopped(code: int, said: str) -> str:
    if code == KERNEL_DIED:
        return say("the notebook's kernel died.")
    if code == TOOK_TOO_LONG:
        return say("a cell took longer than {seconds:d} s and was stopped.", seconds=CELL_TIMEOUT_S)
    last = said.strip().splitlines()
    reason = last[-1][:200] if last else say("exit code {code:d}", code=code)
    if code != CELL_FAILED and last:
        # What an error of Python's own says may be a value of the evidence, or a path of this machine.
        reason = reason.partition(":")[0].rpartition(".")[2]
    return say("the notebook stopped: {reason}.", reason=reason)


def _judge(notebook: Mapping[str, Any]) -> list[str]:
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    unrun = sum(cell.get("execution_count") is None for cell in code)
    failed = sum(any(output["output_type"] == "error" for output in cell["outputs"]) for cell in code)
    problems = []
    if unrun:
        problems.append(say("{unrun:d} of {cells:d} cells did not run.", unrun=unrun, cells=len(code)))
    if failed:
        problems.append(say_count("{count} cell ended in an error.", "{count} cells ended in an error.", failed))
    return problems


def has_sentinel(notebook: Mapping[str, Any]) -> bool:
    """Whether the last cell says that the notebook ran to its end."""
    from dlqkit.report.tables import SENTINEL

    last = notebook["cells"][-1]
    return any(say(SENTINEL) in json.dumps(output, ensure_ascii=False) for output in last.get("outputs", []))


def _without_traces(
    notebook: dict[str, Any], parameters: Mapping[str, object], shown: Mapping[str, str]
) -> dict[str, Any]:
    """Without paths, host parameters and tracebacks of this machine, which Papermill writes in three places."""
    metadata = notebook["metadata"].get("papermill", {})
    for name in ("input_path", "output_path", "parameters", "environment_variables"):
        metadata.pop(name, None)
    for cell in notebook["cells"]:
        if "injected-parameters" in cell["metadata"].get("tags", []):
            values = {**parameters, **shown}
            cell["source"] = "# Parameters\n" + "".join(f"{name} = {value!r}\n" for name, value in values.items())
        for output in cell.get("outputs", []):
            if output["output_type"] == "error":
                # What an exception says may be a path or a value of the evidence; what dlqkit itself says is neither.
                output["evalue"] = output["evalue"] if output["ename"] in errors.__all__ else ""
                output["traceback"] = [f"{output['ename']}: {output['evalue']}"]
    return notebook


def collect_figures(notebook: Mapping[str, Any]) -> list[Figure]:
    """The PNG outputs that carry a name and an alternative text; nothing else of a notebook reaches a report."""
    from dlqkit.report.figure import Figure

    figures = []
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            about = output.get("metadata", {}).get("image/png", {})
            png = output.get("data", {}).get("image/png")
            if png and about.get("name") and about.get("alt"):
                text = png if isinstance(png, str) else "".join(png)
                figures.append(Figure(str(about["name"]), base64.b64decode(text), str(about["alt"])))
    return figures


def run_postmortem(
    directory: Path | str,
    *,
    snapshot: str | None = None,
    as_of: datetime | None = None,
    formats: Sequence[str] | None = None,
    output: Path | None = None,
    progress: Callable[[str], None] | None = None,
    personal_fields: Collection[str] = (),
    earlier: Path | str | None = None,
    include_payload: bool = False,
    check: Callable[[Mapping[str, bytes]], None] | None = None,
) -> PostmortemResult:
    """Write the post-mortem of an incident folder, in the language that is spoken: facts.json, and ``formats``.

    Parameters
    ----------
    directory : path
        The incident folder.
    snapshot : str, optional
        For example ``"001"``; the newest by default.
    as_of : datetime, optional
        Aware; the last time in the evidence by default.
    formats : sequence of str
        Of ``ipynb``, ``html``, ``md``, ``pdf``; all by default, ``pdf`` where its extra is installed.
    output : Path, optional
        Where to; ``report/`` in the folder by default.
    progress : callable, optional
        Told each step in a word.
    personal_fields : collection of str
        Names of fields whose values are personal, beside those that are known.
    earlier : path, optional
        A folder; earlier incidents below it with the same error get a section of their own.
    include_payload : bool
        Show values of payloads, as they came; the report's banner and ``audit.jsonl`` say so.
    check : callable, optional
        Gets each text that is to be written, by the name of its file, and raises where none may be: the command looks
        for secrets of the settings by it.

    Returns
    -------
    PostmortemResult
        Its facts are those of the report: personal data are replaced by pseudonyms of this incident.
        ``complete`` is False where the notebook did not run to its end, or the evidence was changed; the report then
        exists and says so.

    Raises
    ------
    ParameterError, EvidenceError, StorageError
    """
    unknown = [name for name in formats or () if name not in FORMATS]
    if unknown:
        raise ParameterError(f"There is no format {unknown[0][:20]!r}.", f"Choose of {', '.join(FORMATS)}.")
    tell = progress or (lambda _: None)
    root = Path(directory).resolve()
    target = output.resolve() if output else root / "report"
    _check_target(target)
    changed: list[str] = []

    def meanwhile() -> None:
        import dlqkit.report.render  # noqa: F401

        changed.extend(_tampering(root, folder.snapshot))

    with _begin(root, snapshot) as process:
        from dlqkit.evidence import audit_log
        from dlqkit.evidence.folder import open_incident
        from dlqkit.evidence.store import write_bytes
        from dlqkit.report.facts import facts_json
        from dlqkit.report.judgement_file import write_template
        from dlqkit.report.payloads import add_payloads
        from dlqkit.report.pseudonyms import redact_facts
        from dlqkit.report.render_pdf import has_typst

        wanted = tuple(formats) if formats is not None else tuple(one for one in FORMATS if one != "pdf" or has_typst())
        if "pdf" in wanted and not has_typst():
            raise ParameterError("A PDF needs the extra pdf.", "Install it: pip install 'dlqkit[pdf]'")
        folder = open_incident(root, snapshot=snapshot)
        if output is None:
            write_template(root)
        tell(mark("facts"))
        found = _compute(folder, process, as_of, personal_fields, earlier)
        facts = redact_facts(root, found, personal_fields)
        if include_payload:
            facts = add_payloads(folder, found, facts)
            # Noted before anything is written: no export of payloads is without its line.
            audit_log.append(root, "postmortem with payloads", snapshot=folder.snapshot, formats=list(wanted),
                             payloads=len(facts["payloads"]["rows"]))  # fmt: skip
        if not include_payload:
            _remove_payloads(root, target)
        written = facts_json(facts)
        if check is not None:
            check({"facts.json": written})
        write_bytes(target / "facts.json", written)
        tell(mark("notebook"))
        notebook, problems = _execute(root, target, facts, process, meanwhile)
    problems = [*changed, *problems]
    if notebook is None or not has_sentinel(notebook):
        problems.append(say("the last cell did not report that the notebook ran to its end."))
    tell(mark("report"))
    paths = {"facts": target / "facts.json", **_write(facts, notebook, problems, wanted, target, root, check)}
    return PostmortemResult(paths, not problems, tuple(problems), facts)


def _check_target(target: Path) -> None:
    """Refuse what is no folder and cannot become one before anybody waits for the report."""
    try:
        nearest = next(place for place in (target, *target.parents) if place.exists())
        if not nearest.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "it is not a folder")
    except OSError as error:
        from dlqkit.evidence.store import storage_error

        raise storage_error(target, error) from error


@contextmanager
def _begin(root: Path, snapshot: str | None) -> Iterator[NotebookProcess]:
    """The notebook's process, which imports what the notebook will show and reads what it will draw of while the facts
    are computed.
    """
    with (
        tempfile.TemporaryDirectory(prefix="dlqkit-") as scratch,
        start_process(Path(scratch), kernel_environment()) as process,
    ):
        process.run_ahead(f"import dlqkit.report.ahead\ndlqkit.report.ahead.read({str(root)!r}, {snapshot!r})")
        yield process


def _compute(
    folder: IncidentFolder, process: NotebookProcess, as_of: datetime | None, personal_fields: Collection[str],
    earlier: Path | str | None,
) -> dict[str, Any]:  # fmt: skip
    """The facts; the kernel draws the figures as soon as what they show is known."""
    from dlqkit.report.facts import facts
    from dlqkit.report.history import describe_history, find_history
    from dlqkit.report.pseudonyms import redact_facts

    def draw(known: Mapping[str, Any]) -> None:
        part = redact_facts(folder.path, known, personal_fields)
        process.run_ahead(
            f"dlqkit.report.ahead.draw({str(folder.path)!r}, {folder.snapshot!r}, {current()!r}, {json.dumps(part)!r})"
        )

    found = facts(folder, as_of=as_of, on_drawable=draw)
    if earlier is not None:
        found["earlier"] = describe_history(find_history(folder, earlier, facts=found))
    return found


def _write(
    facts: Mapping[str, Any], notebook: dict[str, Any] | None, problems: Sequence[str], wanted: Sequence[str],
    target: Path, root: Path, check: Callable[[Mapping[str, bytes]], None] | None,
) -> dict[str, Path]:  # fmt: skip
    """Write the wanted formats, and where they are."""
    from dlqkit.evidence.store import write_bytes
    from dlqkit.report.pins import pinned_figures
    from dlqkit.report.render import render_html, render_markdown
    from dlqkit.report.render_pdf import render_pdf

    figures = [*(collect_figures(notebook) if notebook else []), *pinned_figures(root, facts)]
    texts = {
        "html": render_html(facts, figures, problems=problems).encode(),
        "md": render_markdown(facts, figures, problems=problems).encode(),
        **({"ipynb": _notebook_json(notebook)} if notebook else {}),
    }
    # What a PDF says stands in the HTML, too; its own text is packed.
    if check is not None:
        check({f"postmortem.{kind}": text for kind, text in texts.items()})
    written = texts | ({"pdf": render_pdf(facts, figures, problems=problems)} if "pdf" in wanted else {})
    paths = {}
    for name in wanted:
        content = written.get(name)
        if content is not None:
            paths[name] = target / f"postmortem.{name}"
            write_bytes(paths[name], content)
    if "md" in wanted:
        for figure in figures:
            write_bytes(target / "figures" / f"{figure.name}.png", figure.png)
    return paths


def _remove_payloads(root: Path, target: Path) -> None:
    """Remove what an earlier run wrote there with payloads: beside a report without them it would pass for its part."""
    from dlqkit.evidence import audit_log
    from dlqkit.evidence.store import read_json, remove_file

    try:
        had = bool(read_json(target / "facts.json")["payloads"])
    except (errors.EvidenceError, OSError, ValueError, KeyError, TypeError, RecursionError):
        return
    names = [f"postmortem.{kind}" for kind in (*FORMATS, "zip") if (target / f"postmortem.{kind}").is_file()]
    if had and names:
        audit_log.append(root, "postmortem with payloads removed", files=names)
        for name in names:
            remove_file(target / name)


def _notebook_json(notebook: Mapping[str, Any]) -> bytes:
    return (for_json(json.dumps(notebook, ensure_ascii=False, indent=1)) + "\n").encode()


def _tampering(root: Path, snapshot: str) -> list[str]:
    """A sentence if evidence that the report rests on is not as it was collected."""
    from dlqkit.evidence.manifest import verify

    changed = [
        change for change in verify(root)
        if not (change.path.startswith("evidence/") and change.path.split("/")[1][:3] > snapshot)
    ]  # fmt: skip
    if not changed:
        return []
    return [
        say(
            "{count:d} files of the evidence were changed since it was collected; dlqkit verify names them.",
            count=len(changed),
        )
    ]


def _execute(
    root: Path, target: Path, facts: Mapping[str, Any], process: NotebookProcess, meanwhile: Callable[[], None]
) -> tuple[dict[str, Any] | None, list[str]]:
    template = find_template("postmortem.ipynb")
    parameters = {
        "incident_dir": str(root),
        "snapshot": str(facts["snapshot"]["id"]),
        "facts_file": os.path.relpath(target / "facts.json", root),
        "language": current(),
    }
    # No path of this machine stands in the notebook that people attach; opened in DIR/report it finds the folder.
    shown = {
        "incident_dir": os.path.relpath(root, target) if target.is_relative_to(root) else root.name,
        "facts_file": parameters["facts_file"] if target.is_relative_to(root) else "",
    }
    if current() != SOURCE:
        from dlqkit.report.notebook_words import translate_notebook

        told = translate_notebook(json.loads(template.read_text(encoding="utf-8")))
        template = process.cwd / "template.ipynb"
        template.write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")
    return run_notebook(template, process.cwd / "postmortem.ipynb", parameters, shown=shown, process=process,
                        meanwhile=meanwhile)  # fmt: skip
