"""Change the code in small ways and see whether its tests notice: python -m benchmarks.mutate dlqkit/untrusted.py."""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import reached, trials
from benchmarks.mutants import Mutant, mutants

__all__ = ["COVERED", "Tried", "run"]

ROOT = Path(__file__).parents[1]
# Each module with the tests that are to notice: those of its own, which are quick; the first that fails ends a try.
COVERED: dict[str, Sequence[str]] = {
    "dlqkit/untrusted.py": ("tests/test_untrusted.py",),
    "dlqkit/evidence/audit_log.py": ("tests/evidence/test_audit_log.py",),
    "dlqkit/evidence/manifest.py": ("tests/evidence/test_manifest.py",),
    "dlqkit/evidence/zip_import.py": ("tests/evidence/test_zip_bounds.py",),
    "dlqkit/evidence/signature.py": ("tests/evidence/test_signature.py",),
    "dlqkit/republish/tampering.py": ("tests/republish/test_tampering.py",),
    "dlqkit/republish/journal_file.py": ("tests/republish/test_journal_file.py", "tests/republish/test_journal.py"),
    "dlqkit/republish/journal_place.py": ("tests/republish/test_journal_rows.py",
                                          "tests/republish/test_journal_place.py"),
    "dlqkit/republish/journal_schema.py": ("tests/republish/test_journal_schema.py", "tests/republish/test_journal.py"),
    "dlqkit/republish/journal_rows.py": ("tests/republish/test_journal_rows.py", "tests/republish/test_journal.py"),
    "dlqkit/republish/journal_writer.py": ("tests/republish/test_journal_rows.py", "tests/republish/test_journal.py"),
}  # fmt: skip
LEAST_SHARE = 0.85
# The module as it is, tried among the changes: a test that fails by chance or by load would show here.
_EVERY = 50


@dataclass(frozen=True, slots=True)
class Tried:
    """A change, or with ``what`` empty the module as it is, and what came of it."""

    module: str
    number: int
    line: int
    what: str
    noticed: bool
    by: str
    tests: int
    seconds: float


def run(
    covered: dict[str, Sequence[str]], folder: Path, *, root: Path = ROOT, share: float = 1.0, seed: int = 0,
    processes: int = 1, again: Sequence[Tried] | None = None,
) -> list[Tried]:  # fmt: skip
    """Try the changes of these modules.

    Parameters
    ----------
    covered : dict
        Files of tests by module.
    folder : Path
        For copies of the project; a file system in memory is the quicker.
    root : Path
        The project.
    share, seed
        How many of each module's changes, drawn by lot.
    processes : int
        How many at a time.
    again : sequence of Tried, optional
        Of an earlier run: only what it did not notice is tried again. That is as good as a whole run where nothing but
        tests was added since.

    Raises
    ------
    RuntimeError
        If a test fails with the modules as they are.
    """
    tree = trials.Tree(root, folder / "tree0", list(covered))
    known = reached.learn(tree, sorted({file for files in covered.values() for file in files}))
    reached.preload(known.imported)
    trees = [
        tree,
        *(trials.Tree(root, folder / f"tree{number}", list(covered), tree) for number in range(1, processes)),
    ]
    todo: list[tuple[str, Mutant]] = []
    for module in covered:
        source = tree.source(module)
        every = mutants(source)
        chosen = random.Random(seed).sample(every, max(1, round(len(every) * share)))
        if again is not None:
            noticed = {(one.number, one.what) for one in again if one.module == module and one.noticed}
            chosen = [one for one in chosen if (one.number, one.what) not in noticed]
        todo += [(module, one) for one in sorted(chosen, key=lambda one: one.number)]
        todo.append((module, Mutant(-1, 0, None, "", ast.unparse(ast.parse(source)))))
    with_controls: list[tuple[str, Mutant]] = []
    for number, (module, one) in enumerate(todo):
        if number % _EVERY == 0 and one.what:
            as_it_is = ast.unparse(ast.parse(tree.source(module)))
            with_controls.append((module, Mutant(-1, one.line, one.statement, "", as_it_is)))
        with_controls.append((module, one))
    children = []
    for number, tree in enumerate(trees):
        child = os.fork()
        if not child:
            _work(tree, known, covered, with_controls[number::processes], folder / f"tried{number}.jsonl")
        children.append(child)
    ended = [os.waitpid(child, 0)[1] for child in children]
    if any(ended):
        raise RuntimeError("A process that tried the changes has failed.")
    lines = [line for number in range(processes)
             for line in (folder / f"tried{number}.jsonl").read_text(encoding="utf-8").splitlines()]  # fmt: skip
    tried = [Tried(**json.loads(line)) for line in lines]
    if again is not None:
        tried += [one for one in again if one.noticed and one.what and one.module in covered]
    return sorted(tried, key=lambda one: (one.module, one.line, one.number))


def _work(
    tree: trials.Tree, known: reached.Known, covered: dict[str, Sequence[str]], todo: Sequence[tuple[str, Mutant]],
    out: Path,
) -> None:  # fmt: skip
    """Try these, a line for each, and end this process."""
    code = 1
    try:
        out.touch()
        for module, files in covered.items():
            _work_on(tree, known, module, files, [one for name, one in todo if name == module], out)
        code = 0
    finally:
        if code:
            traceback.print_exc()
        os._exit(code)


def _work_on(
    tree: trials.Tree, known: reached.Known, module: str, files: Sequence[str], todo: Sequence[Mutant], out: Path
) -> None:
    jobs = []
    for key, one in enumerate(todo):
        tests = known.chosen(module, one.statement, files)
        jobs.append(trials.Job(key, one.text, tests, sum(known.seconds[test] for test in tests)))
    settled = out.with_suffix(".settled")
    settled.write_text("")

    def note(job: trials.Job, verdict: trials.Verdict) -> None:
        one = todo[job.key]
        tried = Tried(module, one.number, one.line, one.what, verdict.noticed, verdict.by, len(job.tests),
                      round(verdict.seconds, 2))  # fmt: skip
        with out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(tried)) + "\n")
        if not tried.noticed and tried.what:
            print(f"  survived: {module}:{one.line}: {one.what}", flush=True)

    def note_noticed(job: trials.Job, verdict: trials.Verdict) -> None:
        if verdict.noticed:
            note(job, verdict)
            with settled.open("a", encoding="utf-8") as file:
                file.write(f"{job.key}\n")

    within = [job for job in jobs if job.tests and todo[job.key].statement is not None]
    if within:
        tree.attempt_many(module, files, within, note_noticed)
    known_keys = set(map(int, settled.read_text().split()))
    for job in jobs:
        if job.key not in known_keys:
            note(job, _attempt(tree, module, todo[job.key], job))


def _attempt(tree: trials.Tree, module: str, mutant: Mutant, job: trials.Job) -> trials.Verdict:
    if not job.tests:
        return trials.Verdict(False, "", 0.0)
    tree.put(module, mutant.text)
    verdict = tree.attempt(job.tests, job.seconds)
    tree.restore(module)
    if verdict.noticed and "::" not in verdict.by and mutant.what:
        # No test failed: that counts only if the tests as they are do not end so as well.
        as_it_is = tree.attempt(job.tests, job.seconds)
        if as_it_is.noticed:
            raise RuntimeError(f"The tests of {module} fail as it is: {as_it_is.by}.")
    return verdict


def main(arguments: list[str] | None = None) -> int:
    """Print the survivors and the share that was noticed; 1 below 85 %, or where the module as it is did not pass."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", default=list(COVERED), help="any of " + ", ".join(COVERED))
    parser.add_argument("--share", type=float, default=1.0, help="of the mutants, drawn by lot")
    parser.add_argument("--seed", type=int, default=20_261_126)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write every try there")
    parser.add_argument("--again", type=Path, help="of such a file, only what was not noticed")
    options = parser.parse_args(arguments)
    if unknown := set(options.modules) - set(COVERED):
        parser.error(f"no tests are named for {', '.join(sorted(unknown))}")
    began = time.monotonic()
    # A fork takes only the thread along that asks for it.
    os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        tried = run(
            {module: COVERED[module] for module in options.modules}, Path(folder), share=options.share,
            seed=options.seed, processes=options.processes,
            again=[Tried(**one) for one in json.loads(options.again.read_text())] if options.again else None,
        )  # fmt: skip
    if options.json is not None:
        options.json.write_text(json.dumps([asdict(one) for one in tried], indent=0, ensure_ascii=False) + "\n")
    changes = [one for one in tried if one.what]
    for module in options.modules:
        own = [one for one in changes if one.module == module]
        print(f"{module}: {sum(one.noticed for one in own)} of {len(own)} noticed")
    noticed, controls = sum(one.noticed for one in changes), [one for one in tried if not one.what]
    print(f"all: {noticed} of {len(changes)} noticed ({noticed / len(changes):.1%}), {time.monotonic() - began:.0f} s")
    failed = [one for one in controls if one.noticed]
    print(f"as they are: {len(controls) - len(failed)} of {len(controls)} passed")
    for one in failed:
        print(f"  failed: {one.module}:{one.line}: {one.by}")
    return int(bool(failed) or noticed < LEAST_SHARE * len(changes))


if __name__ == "__main__":
    sys.exit(main())
