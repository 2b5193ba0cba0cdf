"""The wall time of a post-mortem, against Papermill on an empty notebook; and of a triage at 100,000 records."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.harness import Figure, compare
from dlqkit.evidence.folder import open_incident
from tests.whole.accuracy import simulator

# A day of so many events, of which the workflow in trouble has more than 100,000 records in the time that is asked for;
# a seed whose API gives a thousand records at once.
EVENTS, SEED, WINDOW = 1_000_000, 10, timedelta(hours=3)
# The load follows the day: a fixed end keeps the window within the budget of requests.
END = datetime(2026, 3, 2, 14, tzinfo=UTC)
EMPTY = {"cells": [], "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
         "nbformat": 4, "nbformat_minor": 5}  # fmt: skip


def run() -> list[Figure]:
    """Both are whole processes, as a person starts them."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        with simulator(
            folder, "--events", str(EVENTS), "--seed", str(SEED), "--pagination", "cursor", "--now", END.isoformat()
        ) as (
            _,
            environment,
            _path,
        ):
            # Twenty thousand original messages are more than are read of a subscription, and no part of this figure.
            del environment["DLQKIT_DEAD_LETTER_SUBSCRIPTION__NAME"]
            began = time.monotonic()
            process = subprocess.Popen(
                [sys.executable, "-m", "dlqkit", "investigate", "--start", (END - WINDOW).isoformat(), "--end",
                 END.isoformat(), "--dir", "incident"],
                env=environment, cwd=folder, stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
            assert process.stdout is not None
            for line in process.stdout:
                if "collecting the rest" in line:
                    first_s = time.monotonic() - began
            assert process.wait() == 0
            whole_s = time.monotonic() - began
        records = len(open_incident(folder / "incident").records().frame)
        assert records >= 100_000, records
        (folder / "empty.ipynb").write_text(json.dumps(EMPTY))

        def ours() -> None:
            subprocess.run([sys.executable, "-m", "dlqkit", "postmortem", "incident"], cwd=folder, check=True,
                           capture_output=True)  # fmt: skip

        def theirs() -> None:
            subprocess.run([sys.executable, "-m", "papermill", "empty.ipynb", "out.ipynb"], cwd=folder, check=True,
                           capture_output=True)  # fmt: skip

        name = f"post-mortem of {records:,} records"
        figure = compare(
            name, ("dlqkit postmortem", ours), ("papermill, empty notebook", theirs),
            rounds=3, clock=time.monotonic, unit="wall",
        )  # fmt: skip
        triage = Figure(
            f"investigate, {records:,} records: triage on the screen, and the post-mortem after it",
            "triage", "post-mortem", "wall", first_s, whole_s, whole_s / first_s, whole_s / first_s,
            whole_s / first_s, 1,
        )  # fmt: skip
        return [figure, triage]
