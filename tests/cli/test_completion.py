"""What a shell offers after the tabulator key."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

import dlqkit
from dlqkit.cli.completion import incident_folders
from tests.real import find_program

Press = Callable[..., list[str]]
# A line before the tabulator key is pressed, and its last word after it.
HALF_TYPED = {
    "dlqkit tri": "triage",
    "dlqkit republish pr": "prove",
    "dlqkit triage d": "demo",
    "dlqkit triage inc": "incidents/2026-11-23-orders",
    "dlqkit demo --scenario in": "infrastructure",
    "dlqkit triage demo --sn": "--snapshot",
}


def incident(path: Path) -> None:
    path.mkdir(parents=True)
    (path / "incident.toml").touch()


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two incidents, one of them with a plan and two snapshots of which one is finished; and a folder that is none."""
    incident(tmp_path / "incidents" / "2026-11-23-orders")
    incident(tmp_path / "demo")
    (tmp_path / "downloads").mkdir()
    (tmp_path / "demo" / "republish").mkdir()
    for name in ("plan-001.json", "plan-001.approval.json", "plan-002.json"):
        (tmp_path / "demo" / "republish" / name).touch()
    for name in ("001", "002"):
        (tmp_path / "demo" / "evidence" / name).mkdir(parents=True)
    (tmp_path / "demo" / "evidence" / "001" / "manifest.json").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def program(folders: Path) -> Mapping[str, str]:
    """An environment in which ``dlqkit`` is a command."""
    path = folders / "bin" / "dlqkit"
    path.parent.mkdir()
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m dlqkit "$@"\n')
    path.chmod(0o755)
    return os.environ | {"PATH": f"{path.parent}:{os.environ['PATH']}", "HOME": str(folders),
                         "PYTHONPATH": str(Path(dlqkit.__file__).parents[1])}  # fmt: skip


@pytest.fixture
def press_tab(folders: Path, program: Mapping[str, str]) -> Press:
    """Types words into a real bash that has the completion, and presses the tabulator key; what bash is to offer."""

    def press(*words: str) -> list[str]:
        script = (
            'eval "$(_DLQKIT_COMPLETE=source_bash dlqkit)"\n'
            'COMP_WORDS=(dlqkit "$@"); COMP_CWORD=$#; _dlqkit_completion dlqkit\n'
            'printf "%s\\n" "${COMPREPLY[@]}"'
        )
        done = subprocess.run(["bash", "--norc", "--noprofile", "-c", script, "bash", *words],
                              cwd=folders, env=dict(program), capture_output=True, text=True, check=False)  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.split()

    return press


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("tri",), ["triage"]),
        (("republish", "pr"), ["prove"]),
        (("triage", "--sn"), ["--snapshot"]),
        (("--pro",), ["--profile"]),
        (("triage", "d"), ["demo"]),
        (("triage", "inc"), ["incidents/2026-11-23-orders"]),
        (("republish", "run", "demo", ""), ["plan-001", "plan-002"]),
        (("triage", "demo", "--snapshot", ""), ["001"]),
        (("demo", "--scenario", "in"), ["infrastructure"]),
        (("update", "demo", "--for", "c"), ["chat", "client"]),
        (("triage", "demo", "--lang", ""), ["en", "ru"]),
        (("republish", "run", "nowhere", ""), []),
    ],
    ids=lambda value: " ".join(value),
)
def test_bash_completes_what_is_half_typed(press_tab: Press, words: tuple[str, ...], offered: list[str]) -> None:
    """A command, an option, an incident folder, and what there is in that folder."""
    assert press_tab(*words) == offered


@pytest.mark.real
def test_fish_completes_what_is_half_typed(program: Mapping[str, str], folders: Path) -> None:
    fish = find_program("fish")
    asked = "; ".join(f"complete -C '{line}' | string split -f1 \\t; echo ." for line in HALF_TYPED)

    done = subprocess.run([fish, "--no-config", "-c", f"_DLQKIT_COMPLETE=source_fish dlqkit | source; {asked}"],
                          cwd=folders, env=dict(program), capture_output=True, text=True, check=True)  # fmt: skip

    assert [part.split() for part in done.stdout.split(".\n")[:-1]] == [[word] for word in HALF_TYPED.values()]


@pytest.mark.real
def test_zsh_completes_what_is_half_typed(program: Mapping[str, str], folders: Path) -> None:
    """In a terminal, since it completes nowhere else: what stands in the line after the tabulator key is printed."""
    import pexpect

    shell = pexpect.spawn(find_program("zsh"), ["-f", "-i"], cwd=str(folders), env=dict(program), encoding="utf-8",
                          dimensions=(30, 120), timeout=30)  # fmt: skip
    try:
        shell.sendline(
            "PS1='> '; autoload -Uz compinit; compinit -u -D; eval \"$(_DLQKIT_COMPLETE=source_zsh dlqkit)\"; "
            'seen() { zle expand-or-complete; print -r -- "<$BUFFER>"; zle kill-whole-line }; zle -N seen; '
            "bindkey '^X' seen; echo rea''dy"
        )
        shell.expect("ready\r")
        for line, word in HALF_TYPED.items():
            shell.send(f"{line}\x18")
            shell.expect("<(dlqkit [^>]*)>")
            assert shell.match[1].split() == [*line.split()[:-1], word]
    finally:
        shell.close(force=True)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_a_script_that_asks_dlqkit(shell: str) -> None:
    """Also where it is called as a module: a shell completes the name of a command."""
    done = subprocess.run([sys.executable, "-m", "dlqkit"], capture_output=True, text=True, check=True,
                          env=os.environ | {"_DLQKIT_COMPLETE": f"source_{shell}"})  # fmt: skip

    assert f"_DLQKIT_COMPLETE=complete_{shell}" in done.stdout
    assert "python" not in done.stdout


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("", ["demo", "incidents/2026-11-23-orders"]),
        ("./de", ["./demo"]),
        ("incidents/", ["incidents/2026-11-23-orders"]),
        ("incidents/2026-11-2", ["incidents/2026-11-23-orders"]),
        ("downloads", []),
        ("nowhere/", []),
    ],
)
def test_only_incident_folders_are_offered_and_as_they_are_typed(folders: Path, typed: str, offered: list[str]) -> None:
    """A folder whose name a shell would take for several words, or a terminal obey, is left to the shell."""
    for name in ("two words", "de\x1b[31mmo", "-x", "a;b"):
        incident(folders / name)

    assert incident_folders(typed) == offered


def test_a_path_from_the_root_is_completed_too(folders: Path) -> None:
    assert incident_folders(f"{folders}/de") == [f"{folders}/demo"]


def test_a_completion_imports_nothing_heavy(folders: Path) -> None:
    """Somebody waits for each of them with a finger on the key."""
    code = "import sys\nfrom dlqkit.cli.main import main\ntry: main()\nfinally: print(*sys.modules, file=sys.stderr)"
    for line in ("dlqkit republish run demo ", "dlqkit triage d", "dlqkit collect --"):
        environment = os.environ | {"_DLQKIT_COMPLETE": "complete_bash", "COMP_WORDS": line,
                                    "COMP_CWORD": str(line.count(" "))}  # fmt: skip
        done = subprocess.run([sys.executable, "-c", code, "dlqkit"], cwd=folders, env=environment,
                              capture_output=True, text=True, check=False)  # fmt: skip

        assert done.stdout.strip()
        assert {"pandas", "numpy", "pyarrow", "requests", "rich", "babel"}.isdisjoint(done.stderr.split())
