"""A fault of dlqkit's own ends with its lines, for whoever mends it, and shows no secret."""

from __future__ import annotations

import subprocess
import sys

KEY = "k3y-of-the-tests"
# Through Typer, which has an excepthook of its own.
CRASH = """
import sys
from dlqkit.cli import verify, main
from dlqkit.sources import secrets

def fail(*_, **__):
    key = secrets.resolve_secret("k3y-" + "of-the-tests")
    raise ValueError(f"'\x1b[31m{key}' is no address") from OSError(key)

main._Commands.resolve_command = fail
sys.argv = ["dlqkit", "verify", "x"]
main.main()
"""


def test_a_crash_shows_where_it_was_and_no_secret_though_a_librarys_message_holds_it() -> None:
    """The same with the errors that led to it; and no sign of a stranger acts on the terminal."""
    done = subprocess.run([sys.executable, "-c", CRASH], capture_output=True, text=True)

    assert done.returncode == 1
    assert "ValueError: " in done.stderr and "is no address" in done.stderr and ", in fail" in done.stderr
    assert KEY not in done.stdout + done.stderr
    assert "********" in done.stderr
    assert "\x1b" not in done.stderr
    assert done.stderr.splitlines()[-2:] == [
        "dlqkit has a fault, which is none of yours; what was collected is kept.",
        "Next: run it again; if it ends so again, report it to dlqkit's maintainers with the lines above.",
    ]


def test_a_crash_before_any_secret_was_looked_up_is_told_as_well() -> None:
    code = "from dlqkit.cli import main\nmain.app = None\nmain.main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert done.returncode == 1
    assert "TypeError: 'NoneType' object is not callable" in done.stderr
