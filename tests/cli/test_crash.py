"""A fault of dlqkit's own ends with its lines, for whoever mends it, and shows no secret."""

from __future__ import annotations

import subprocess
import sys

import pytest

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


# What fails, as ``fail`` of an app that is nothing else.
FAILS = """
import errno, sys
from dlqkit.cli import main
from dlqkit.errors import DlqkitError
from dlqkit.sources import secrets

KEY = secrets.resolve_secret("k3y-" + "of-the-tests")

def app(**_):
    {fails}

{before}
main.app = app
sys.argv = ["dlqkit", "verify", "x"]
main.main()
"""


def run(fails: str, before: str = "") -> subprocess.CompletedProcess[str]:
    code = FAILS.format(fails=fails, before=before)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert KEY not in done.stdout + done.stderr
    return done


@pytest.mark.parametrize("number", ["errno.EIO", "errno.EMFILE", "None"])
def test_a_fault_of_the_system_that_has_no_words_of_its_own_is_told_as_a_crash(number: str) -> None:
    done = run(f"raise OSError({number}, 'Input/output error ' + KEY)")

    assert done.returncode == 1
    assert "Input/output error ********" in done.stderr
    assert "\nNext: run it again; " in done.stderr


def test_a_full_disk_is_told_in_the_systems_words_and_not_in_a_librarys() -> None:
    done = run("raise OSError(errno.ENOSPC, 'PUT of the report with ' + KEY)")

    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == "Writing failed: No space left on device."


def test_what_fails_while_an_error_is_told_is_told_with_it_and_without_a_secret() -> None:
    done = run("raise DlqkitError('Nothing with ' + KEY, 'x')", "main.with_options = lambda _: 1 / 0")

    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr and "Nothing with ********" in done.stderr
    assert "\nNext: run it again; " in done.stderr


def test_lines_that_could_not_be_masked_are_not_shown() -> None:
    done = run("raise ValueError(KEY)", "secrets.mask_resolved = lambda _: 1 / 0")

    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == "ValueError, and ZeroDivisionError while telling it"
    assert done.stderr.splitlines()[-1].startswith("Next: run it again; ")


@pytest.mark.parametrize("fails", ["raise ValueError(KEY)", "raise OSError(errno.EIO, KEY)", "print(KEY)"])
def test_output_that_was_closed_brings_no_lines_of_pythons_own(fails: str) -> None:
    done = run(f"sys.stderr.close(); {fails.replace('print(KEY)', 'sys.stdout.close()')}")

    assert (done.returncode, done.stderr) == (1, "")


def test_who_interrupts_while_an_error_is_told_sees_no_lines() -> None:
    stop = "def stop(_):\n    raise KeyboardInterrupt\nmain.with_options = stop"
    done = run("raise DlqkitError('Nothing with ' + KEY, 'x')", stop)

    assert (done.returncode, done.stderr) == (130, "Interrupted; what was collected is kept.\n")
