"""The seven notebooks of an incident, by Papermill and in JupyterLab."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dlqkit.cli.lab import fill_notebooks
from dlqkit.errors import ParameterError
from dlqkit.report.run import run_notebook
from dlqkit.resources import find_notebooks
from tests.lab import Lab, chromium, count_code, open_notebook, run_all, serve_lab
from tests.whole.accuracy import run_dlqkit, simulator

NAMES = [path.name for path in find_notebooks()]


@pytest.fixture(scope="module")
def incident(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collected incident folder; at night few events arrive, and twenty dead letters are to be shown then, too."""
    folder = tmp_path_factory.mktemp("lab")
    with simulator(folder, "--scenario", "infrastructure", "--seed", "4", "--events", "12000") as (
        served,
        environment,
        _,
    ):
        logs = ("--worker-logs", f"{served['logs_dir']}/*.jsonl")
        run = run_dlqkit(environment, "collect", "incident", "--since", "4h", *logs, cwd=folder)
        assert run.returncode == 0, run.stderr
    return folder / "incident"


@pytest.mark.parametrize("name", NAMES)
def test_each_notebook_runs_by_papermill(name: str, incident: Path, tmp_path: Path) -> None:
    """Every cell runs, none ends in an error."""
    source = next(path for path in find_notebooks() if path.name == name)

    notebook, problems = run_notebook(source, tmp_path / name, {"incident_dir": str(incident)})

    assert problems == []
    assert notebook is not None


def test_a_name_that_a_notebook_does_not_have_is_refused(incident: Path, tmp_path: Path) -> None:
    """Papermill would take it as code in silence."""
    with pytest.raises(ParameterError, match="no parameter"):
        run_notebook(find_notebooks()[0], tmp_path / "out.ipynb", {"incident": "."})


def test_the_analysts_own_copies_are_kept(incident: Path) -> None:
    """Filling in again leaves what the analyst changed."""
    first = fill_notebooks(incident)[0]
    changed = json.loads(first.read_text())
    changed["cells"][0]["source"] = ["# mine"]
    first.write_text(json.dumps(changed))

    fill_notebooks(incident)

    assert json.loads(first.read_text())["cells"][0]["source"] == ["# mine"]
    first.unlink()


@pytest.fixture(scope="module")
def lab(incident: Path) -> Iterator[Lab]:
    """JupyterLab as ``dlqkit lab`` opens it."""
    with serve_lab(str(incident)) as served:
        yield served


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as running:
        yield running


# Figures and tables that a notebook shows, at the least; a table is a summary's list, too.
SHOWN = {
    "01_signals.ipynb": (1, 3), "02_diagnosis.ipynb": (1, 4), "03_execution_logs.ipynb": (1, 6),
    "04_decision.ipynb": (0, 7), "05_republish.ipynb": (0, 3), "06_communication.ipynb": (0, 4),
    "07_closure.ipynb": (1, 4),
}  # fmt: skip


@pytest.mark.real
@pytest.mark.parametrize("name", NAMES)
def test_each_notebook_runs_from_top_to_bottom_in_jupyterlab(name: str, lab: Lab, browser: Any, incident: Path) -> None:
    """“Run All Cells” leaves every cell numbered, none red, tables and figures seen; nobody outside is asked."""
    code = count_code(incident / "notebooks" / name)

    watched = open_notebook(browser, lab, f"notebooks/{name}")
    page = watched.page
    run_all(page, code)

    prompts = page.eval_on_selector_all(".jp-Notebook .jp-CodeCell .jp-InputPrompt", "all => all.map(e => e.innerText)")
    assert len(prompts) == code
    assert all(re.fullmatch(r"\[[0-9]+\]:?", prompt.strip()) for prompt in prompts), prompts
    figures, tables = SHOWN[name]
    page.wait_for_function(
        "n => document.querySelectorAll('.jp-OutputArea-output img').length >= n", arg=figures, timeout=10_000
    )
    for image in page.query_selector_all(".jp-OutputArea-output img"):
        assert image.evaluate("e => e.decode().then(() => e.naturalWidth)") > 300
        assert len(image.get_attribute("alt")) > 40
    assert len(page.query_selector_all(".jp-OutputArea-output table, .jp-OutputArea-output dl")) >= tables
    for kind in ("stderr", "error"):
        seen = page.query_selector_all(f".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.{kind}']")
        assert not seen, seen[0].inner_text()
    if name == "03_execution_logs.ipynb":
        search_and_sort(page)
    if name == "04_decision.ipynb":
        choose_another(page)
    assert not watched.errors
    assert not watched.outside
    notices = [one.inner_text() for one in page.query_selector_all(".Toastify__toast")]
    assert not notices
    page.close()
    lab.stop_kernels()


def choose_another(page: Any) -> None:
    """Another signature's events, durations and differences stand where the first one's did."""
    box = page.locator(".jupyter-widgets.widget-vbox")
    words = box.locator("select option").all_inner_texts()
    assert len(words) > 1
    shown = box.locator("dl")
    shown.wait_for(timeout=20_000)
    before = shown.inner_text()

    box.locator("select").select_option(index=1)

    page.wait_for_function(
        "before => document.querySelector('.widget-vbox dl').innerText !== before", arg=before, timeout=30_000
    )
    assert words[1].partition("  ")[2].rstrip("…")[:40] in " ".join(shown.inner_text().split())
    assert box.locator("img").count() == 1 and box.locator("table").count() >= 1


def search_and_sort(page: Any) -> None:
    """Typing leaves the rows with these words, a head sorts by number, and keys do not reach the notebook."""
    box = page.locator('.dlqkit-table:has(caption:text-is("Newest dead letters"))')
    rows = box.locator("tbody tr")
    traces = rows.locator("td:nth-child(2)").all_inner_texts()
    cells = len(page.query_selector_all(".jp-Cell"))
    assert len(traces) == 20

    box.get_by_role("searchbox").click()
    page.keyboard.type(f"{traces[7][:9].upper()}")
    assert [traces[7] in one.inner_text() for one in rows.all() if one.is_visible()] == [True]
    assert box.get_by_role("status").inner_text() == "1 of 20 rows"
    box.get_by_role("searchbox").fill("")
    head = box.get_by_role("columnheader", name="action_duration_ms")
    head.click()
    durations = [float(text) for text in rows.locator("td:nth-child(5)").all_inner_texts()]
    assert durations == sorted(durations)
    head.press("Enter")
    assert [float(text) for text in rows.locator("td:nth-child(5)").all_inner_texts()] == durations[::-1]
    head.press("Enter")

    assert rows.locator("td:nth-child(2)").all_inner_texts() == traces
    assert len(page.query_selector_all(".jp-Cell")) == cells


@pytest.mark.real
def test_without_its_token_the_server_answers_nobody(lab: Lab) -> None:
    """Another user of the machine, and a page of another site in the analyst's browser, get nothing."""
    for path, headers in (
        ("/api/contents", {}),
        ("/api/kernels", {}),
        ("/lab", {}),
        ("/api/contents", {"Host": "x.y"}),
    ):
        request = urllib.request.Request(f"{lab.base}{path}", headers=headers)
        opener = urllib.request.build_opener(NoRedirect)
        with pytest.raises(urllib.error.HTTPError) as refused:
            opener.open(request, timeout=10)
        assert refused.value.code in {302, 403}
        refused.value.close()
    # A browser that has logged in sends its cookie along with whatever a page of another site makes it send.
    cookies = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    cookies.open(f"{lab.base}/lab?token={lab.token}", timeout=20).close()
    with pytest.raises(urllib.error.HTTPError, match="403") as refused:
        cookies.open(urllib.request.Request(f"{lab.base}/api/kernels", data=b"{}", method="POST"), timeout=10)
    refused.value.close()


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A way to the login page is an answer of its own."""

    def redirect_request(self, *_: Any) -> None:
        return None


def test_a_configuration_that_opens_the_server_does_not_hold(incident: Path, tmp_path: Path) -> None:
    """What a user set for other work: no token, every address, every origin, no XSRF check, a password."""
    (tmp_path / "jupyter_server_config.json").write_text(json.dumps({
        "ServerApp": {"ip": "0.0.0.0", "allow_remote_access": True, "disable_check_xsrf": True, "allow_origin": "*"},
        "IdentityProvider": {"token": ""},
        "PasswordIdentityProvider": {"hashed_password": "argon2:x"},
    }))  # fmt: skip
    with serve_lab(str(incident), environment={**os.environ, "JUPYTER_CONFIG_DIR": str(tmp_path)}) as served:
        opener = urllib.request.build_opener(NoRedirect)
        with pytest.raises(urllib.error.HTTPError, match="403") as refused:
            opener.open(f"{served.base}/api/contents", timeout=10)
        refused.value.close()
        assert len(served.token) == 48
        assert served.ask("/api/kernels") == []


def test_a_server_that_lets_anybody_in_does_not_start(incident: Path, tmp_path: Path) -> None:
    """A way to log in that asks for nothing cannot be set aside, so it is refused."""
    (tmp_path / "jupyter_server_config.py").write_text(
        "from jupyter_server.auth import IdentityProvider\n"
        "class Open(IdentityProvider):\n    auth_enabled = False\n"
        "c.ServerApp.identity_provider_class = Open\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "dlqkit", "lab", str(incident), "--no-browser"], capture_output=True, text=True,
        timeout=50, env={**os.environ, "JUPYTER_CONFIG_DIR": str(tmp_path)}, check=False,
    )  # fmt: skip

    assert done.returncode == 2
    assert "IdentityProvider.token" in done.stderr and "Next: " in done.stderr
