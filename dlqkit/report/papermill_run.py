"""Execute one notebook with Papermill, in a process of its own that was given an allow-listed environment.

Started by ``run.py`` as ``python -m dlqkit.report.papermill_run``; the request is one JSON object on standard input.
Papermill is imported here and nowhere else: its import costs two seconds, and ``-p`` on its command line changes
values (``0123`` becomes 123), so its API is called instead.
"""

from __future__ import annotations

import json
import sys

from dlqkit import errors

__all__ = ["CELL_FAILED", "KERNEL_DIED", "TOOK_TOO_LONG", "main"]

CELL_FAILED, KERNEL_DIED, TOOK_TOO_LONG = 4, 5, 6
"""Exit codes; of any other one nothing is known but what Python wrote last."""


def main() -> int:
    """Read the request, execute, and answer with papermill's verdict as an exit code."""
    import papermill
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    request = json.load(sys.stdin)
    try:
        papermill.execute_notebook(
            request["source"],
            request["target"],
            parameters=request["parameters"],
            cwd=request["cwd"],
            kernel_name="python3",
            progress_bar=False,
            execution_timeout=request["cell_timeout_s"],
            start_timeout=request["start_timeout_s"],
            # What was drawn before a kernel died is kept.
            request_save_on_cell_execute=True,
            autosave_cell_every=0,
        )
    except papermill.exceptions.PapermillExecutionError as error:
        # The text of any other exception may hold a value of the evidence.
        said = f": {error.evalue}" if error.ename in errors.__all__ else ""
        print(f"{error.ename}{said}".replace("\n", " "), file=sys.stderr)  # noqa: T201
        return CELL_FAILED
    except DeadKernelError:
        return KERNEL_DIED
    except CellTimeoutError:
        # Its own text repeats the cell.
        return TOOK_TOO_LONG
    return 0


if __name__ == "__main__":
    sys.exit(main())
