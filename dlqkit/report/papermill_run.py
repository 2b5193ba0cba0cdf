"""Execute one notebook with Papermill, in a process of its own that was given an allow-listed environment.

Started by ``notebook_process.py`` as ``python -m dlqkit.report.papermill_run``; what it is to do are JSON objects on
standard input, a line each: ``start`` first, ``code`` that the kernel runs beforehand, unseen, and ``execute`` last.
The kernel is started before anything else and given its first code at once, so that it and Papermill are there when the
facts are. Papermill is imported here and nowhere else, and ``-p`` on its command line changes values (``0123`` becomes
123), so its API is called instead.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

from dlqkit import errors
from dlqkit.imports import leave_out_grammars

if TYPE_CHECKING:
    from jupyter_client.asynchronous.client import AsyncKernelClient
    from jupyter_client.blocking.client import BlockingKernelClient
    from jupyter_client.manager import AsyncKernelManager

__all__ = ["CELL_FAILED", "KERNEL_DIED", "TOOK_TOO_LONG", "main"]

CELL_FAILED, KERNEL_DIED, TOOK_TOO_LONG = 4, 5, 6
"""Exit codes; of any other one nothing is known but what Python wrote last."""

KERNEL, ENGINE = "python3", "dlqkit"
BETWEEN_WRITES_S = 1.0
READY_WITHIN_S = 120
# Of 19: where there is nothing else to do, it makes no difference.
NICENESS = 10
# What was run is kept in the notebook; a database of inputs beside it would outlive it.
KERNEL_OPTIONS = ("--HistoryManager.enabled=False",)


def main(requests: IO[str] | None = None) -> int:
    """Read the requests, execute, and answer with papermill's verdict as an exit code."""
    lines = sys.stdin if requests is None else requests
    first = lines.readline()
    if not first:
        return 0
    with _kernel(json.loads(first)["cwd"]) as (manager, client):
        _let_others_come_first()
        ready: AsyncKernelClient | None = None
        for line in lines:
            request = json.loads(line)
            if "code" not in request:
                return _execute(request, manager, ready)
            client.execute(request["code"], silent=True, store_history=False)
            ready = ready or _make_ready(manager)
    # Whoever started this process has given up.
    return 0


@contextmanager
def _kernel(cwd: str) -> Iterator[tuple[AsyncKernelManager, BlockingKernelClient]]:
    """A kernel that has been started and may not be ready yet; what is sent to it before waits until it is."""
    from jupyter_client.blocking.client import BlockingKernelClient
    from jupyter_client.manager import AsyncKernelManager
    from jupyter_core.utils import run_sync

    # Only of an asynchronous manager Papermill sees that the kernel has died while a cell runs.
    manager = AsyncKernelManager(kernel_name=KERNEL)
    run_sync(manager.start_kernel)(cwd=cwd, extra_arguments=list(KERNEL_OPTIONS))
    client = BlockingKernelClient(connection_file=manager.connection_file)
    client.load_connection_file()
    client.start_channels()
    try:
        yield manager, client
    finally:
        client.stop_channels()
        _stop(manager)


def _stop(manager: AsyncKernelManager) -> None:
    """Stop the kernel. Nothing in it is of use any more: it need not be asked to end."""
    from jupyter_core.utils import run_sync

    process = getattr(manager.provisioner, "process", None)
    if process is not None:
        run_sync(manager.signal_kernel)(signal.SIGKILL)
        # Else the manager looks ten times a second whether it has ended, and somebody waits for the report.
        process.wait()
    run_sync(manager.shutdown_kernel)(now=True)


def _make_ready(manager: AsyncKernelManager) -> AsyncKernelClient | None:
    """The client by which Papermill will execute, once the kernel answers it; None where it does not.

    A client listens for a while whether anything is left that the kernel has said before: here nobody waits for that.
    """
    from jupyter_core.utils import run_sync

    _import_papermill()
    client = manager.client()
    client.start_channels()
    try:
        run_sync(client.wait_for_ready)(timeout=READY_WITHIN_S)
    except RuntimeError:
        # It has died, or hangs, which Papermill finds out.
        client.stop_channels()
        return None
    client.allow_stdin = False
    return client


def _import_papermill() -> None:
    """Import what executes the notebook, and let it make what it makes once, a check of notebooks by their schema."""
    leave_out_grammars()
    # Papermill would import it for notebooks in HDFS, where ours never are.
    sys.modules.setdefault("pyarrow", None)  # type: ignore[arg-type]
    import papermill  # noqa: F401
    from nbformat import current_nbformat
    from nbformat.validator import get_validator

    get_validator(current_nbformat)  # type: ignore[no-untyped-call]


def _let_others_come_first() -> None:
    """Leave the processor to the facts and to the kernel, which has been started: Papermill is needed last."""
    if hasattr(os, "nice"):
        os.nice(NICENESS)


def _execute(request: Mapping[str, Any], manager: AsyncKernelManager, client: AsyncKernelClient | None) -> int:
    from jupyter_core.utils import run_sync

    if not run_sync(manager.is_alive)():
        return KERNEL_DIED
    _import_papermill()
    import papermill
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    papermill.engines.papermill_engines.register(ENGINE, _quick_engine())
    try:
        papermill.execute_notebook(
            request["source"],
            request["target"],
            parameters=request["parameters"],
            cwd=request["cwd"],
            kernel_name=KERNEL,
            km=manager,
            ready=client,
            progress_bar=False,
            execution_timeout=request["cell_timeout_s"],
            start_timeout=request["start_timeout_s"],
            engine_name=ENGINE,
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
    except RuntimeError:
        # So is said of a kernel that dies while nobody waits for a cell of it.
        if run_sync(manager.is_alive)():
            raise
        return KERNEL_DIED
    except CellTimeoutError:
        # Its own text repeats the cell.
        return TOOK_TOO_LONG
    return 0


def _quick_engine() -> type[Any]:
    from papermill.clientwrap import PapermillNotebookClient
    from papermill.engines import Engine

    class QuickEngine(Engine):  # type: ignore[misc]
        """Papermill's own, with a client that is ready, and a notebook that is written once a second and at its end.

        nbclient forgets a client that it is given with its options, and one that it makes listens for a while.
        """

        @classmethod
        def execute_managed_notebook(
            cls, nb_man: Any, kernel_name: str, *, km: AsyncKernelManager, ready: AsyncKernelClient | None,
            execution_timeout: int, start_timeout: int, **_: Any,
        ) -> Any:  # fmt: skip
            save = nb_man.save

            def save_seldom(**more: Any) -> None:
                if (nb_man.now() - nb_man.last_save_time).total_seconds() >= BETWEEN_WRITES_S:
                    save(**more)

            nb_man.save = save_seldom
            client = PapermillNotebookClient(
                nb_man, km=km, kernel_name=kernel_name, timeout=execution_timeout, startup_timeout=start_timeout
            )
            client.kc = ready
            try:
                return client.execute()
            finally:
                nb_man.save = save

    return QuickEngine


if __name__ == "__main__":
    verdict = main()
    sys.stderr.flush()
    # Everything is written and the kernel has ended: Python would go on taking apart what Papermill imported.
    os._exit(verdict)
