"""The four notebooks in JupyterLab and a real browser, as a user runs them: `make test-browser`."""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import nbformat
import pytest

from src import run

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parent.parent
PICTURES = ROOT / "runs" / "browser"
SETTINGS = {"SIZE": (64, 96), "EPOCHS": 6, "BATCH_SIZE": 4}
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-sync",
)
SETTLED = {  # of JupyterLab
    "notebook-extension/tracker": '{"windowingMode": "none"}',  # else cells out of sight are not in the page
    "apputils-extension/notification": '{"fetchNews": "false"}',  # else a question covers the pictures
}
FIGURES = {"Train_seg_sem.ipynb": 6, "Train_label_seg.ipynb": 5, "Save_test.ipynb": 0, "main.ipynb": 9}


@pytest.fixture(scope="module")
def folder(learnable, tmp_path_factory):
    """A copy of the project whose Train and Test are a small set, and whose settings are tiny."""
    folder = tmp_path_factory.mktemp("browser")
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    for part in ("Train", "Test", "reference"):
        shutil.copytree(learnable / part, folder / part)
    for name in run.NOTEBOOKS:
        notebook = nbformat.read(ROOT / name, 4)
        run.add_settings(notebook, SETTINGS | {"REFERENCE": "reference"})
        nbformat.write(notebook, folder / name)
    return folder


@pytest.fixture(scope="module")
def lab(folder):
    """JupyterLab from the project's environment on a free loopback port; gives its address with a token."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token, own = secrets.token_hex(16), folder / ".jupyter"
    for name, text in SETTLED.items():
        settings = own / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        settings.parent.mkdir(parents=True)
        settings.write_text(text)
    command = [
        sys.executable,
        "-m",
        "jupyter",
        "lab",
        "--no-browser",
        "--allow-root",
        "--expose-app-in-browser",
    ]
    command += [
        f"--port={port}",
        "--ip=127.0.0.1",
        f"--IdentityProvider.token={token}",
        "--LabApp.news_url=None",
    ]
    command += ["--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    names = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTERLAB_WORKSPACES_DIR")
    environment = os.environ | {name: str(own) for name in names}
    environment["JUPYTERLAB_SETTINGS_DIR"] = str(own / "settings")
    with (folder / "lab.log").open("w") as log:
        server = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        _wait_for(f"http://127.0.0.1:{port}/api?token={token}", server, folder / "lab.log")
        yield f"http://127.0.0.1:{port}/lab/tree/{{}}?token={token}&reset"
    finally:
        server.terminate()
        server.wait(20)


def _wait_for(address, server, log):
    for _ in range(120):
        assert server.poll() is None, log.read_text()[-2000:]
        try:
            return urllib.request.urlopen(address).close()
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.5)
    raise AssertionError(log.read_text()[-2000:])


@pytest.fixture(scope="module")
def browser():
    """The installed Chromium."""
    playwright = pytest.importorskip("playwright.sync_api", reason="make test-browser installs playwright")
    installed = shutil.which("chromium") or shutil.which("google-chrome")
    assert installed, "no Chromium is installed; docs/how-measured.md, 'Tests', says how to get one"
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=installed, args=list(QUIET))
        yield browser
        browser.close()


def run_all(browser, lab, name):
    """Opens a notebook, runs all its cells and waits for the last; gives the page."""
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.goto(lab.format(name))
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
    page.wait_for_function(  # the kernel has started
        "() => { const it = window.jupyterapp.shell.currentWidget;"
        " return it?.sessionContext?.session?.kernel?.status === 'idle'; }",
        timeout=90_000,
    )
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
    page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'idle' &&"
        " [...document.querySelectorAll('.jp-CodeCell .jp-InputArea-prompt')]"
        ".every(prompt => !prompt.innerText.includes('*'))",
        timeout=300_000,
    )
    page.wait_for_timeout(1500)
    PICTURES.mkdir(parents=True, exist_ok=True)
    errors = page.locator('[data-mime-type="application/vnd.jupyter.error"]')
    assert errors.count() == 0, errors.first.inner_text()
    return page


def shoot(page, name, selector):
    """Keeps a picture of what a user sees, scrolled to an element."""
    page.locator(selector).last.scroll_into_view_if_needed()
    page.wait_for_timeout(500)
    page.screenshot(path=str(PICTURES / f"{name}.png"))


def count_figures(page):
    """Counts the pictures that are seen: drawn, and larger than an icon."""
    script = (
        "all => all.filter(one => one.naturalWidth > 100 && one.getBoundingClientRect().width > 100).length"
    )
    return page.locator(".jp-OutputArea img").evaluate_all(script)


def press(page, *keys):
    """Presses keys one after another, as fast as a person does."""
    for key in keys:
        page.keyboard.press(key)
        page.wait_for_timeout(300)


def change_picture_by(page, *keys):
    """Presses keys and waits until the frame browser shows another picture."""
    before = page.locator(".jp-OutputArea .widget-image").get_attribute("src")
    press(page, *keys)
    page.wait_for_function(
        "before => document.querySelector('.jp-OutputArea .widget-image').src !== before", arg=before
    )


def use_the_frame_browser_by_keys(page):
    """Goes through the frame browser's controls by Tab, and uses each."""
    page.locator(".noUi-handle").first.focus()
    caption = page.locator(".jp-OutputArea .widget-html-content").first
    first = caption.inner_text()
    change_picture_by(page, "ArrowRight")
    assert caption.inner_text() != first
    change_picture_by(page, "Tab", "Tab", "ArrowLeft")  # over the slider's number to the overlay
    shoot(page, "frame_browser", ".widget-image")
    press(page, "Tab", "Tab", "ArrowRight")  # zoom
    page.wait_for_function(
        "() => { const one = document.querySelector('.jp-OutputArea .widget-image');"
        " return one.clientWidth > 1.9 * one.parentElement.clientWidth; }"
    )
    shoot(page, "frame_browser_zoomed", ".widget-image")
    change_picture_by(page, "Tab", "Tab", "Space", "ArrowDown", "Enter")  # order
    assert page.locator(".jp-OutputArea select").first.input_value() == "lowest expected mean IoU first"
    press(page, "Tab", "Tab")  # over the choice of a class to the zoomed picture, which scrolls
    press(page, "ArrowRight")
    page.wait_for_function(
        "() => document.querySelector('.jp-OutputArea .widget-image').parentElement.scrollLeft"
    )


def search_the_table_of_frames_by_keys(page):
    """Searches the table of frames, and sorts it."""
    field = page.get_by_placeholder("words of a row")
    field.focus()
    table = field.locator("xpath=ancestor::*[contains(@class, 'widget-vbox')]").locator(
        ".widget-html-content"
    )
    assert "12 of 12 rows" in table.inner_text()
    page.keyboard.type("frame_10")
    page.wait_for_function("() => document.body.innerText.includes('10 of 12 rows')")
    press(page, "Tab", "Space", "Home", "Enter")  # by frame
    press(page, "Tab", "Space")  # highest first
    cells = table.locator("tbody tr").first.locator("td")
    page.wait_for_timeout(1000)
    assert cells.all_inner_texts()[:2] == ["9", "frame_109.jpg"]
    shoot(page, "make_frames_table", "[placeholder='words of a row']")


@pytest.mark.parametrize("name", run.NOTEBOOKS)  # in this order: each needs those before it
def test_every_notebook_runs_in_the_browser(browser, lab, folder, name):
    page = run_all(browser, lab, name)
    assert count_figures(page) >= FIGURES[name]
    if FIGURES[name]:
        shoot(page, name, ".jp-OutputArea img")
    if name == "Save_test.ipynb":
        shoot(page, name, "a[download]")
        with page.expect_download() as download:
            page.locator("a[download]").click()
        zips = list((folder / "submissions").glob("*.zip"))
        assert Path(download.value.path()).read_bytes() == zips[0].read_bytes()
        assert download.value.suggested_filename == zips[0].name and len(page.context.pages) == 1
    if name == "main.ipynb":
        use_the_frame_browser_by_keys(page)
        search_the_table_of_frames_by_keys(page)
    page.close()


def test_the_report_opens_without_the_network(browser, folder):
    page = browser.new_page(viewport={"width": 1100, "height": 1400})
    said, asked = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    address = next(folder.glob("runs/joint-*/report.html")).as_uri()
    page.goto(address)
    page.screenshot(path=str(PICTURES / "report.png"))
    assert not said and all(url == address or url.startswith("data:") for url in asked)
    widths = page.locator("img").evaluate_all("all => all.map(one => one.naturalWidth)")
    assert len(widths) >= 10 and min(widths) > 100
    page.close()
