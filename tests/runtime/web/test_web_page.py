"""The web page in a real browser: what it shows, what its buttons do, and how it holds up."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from daemon_process import running_daemon
from web_daemon import TENANTS, WebDaemon, web_daemon

from exalift.capsule import to_bytes
from exalift.runtime.checkpoint import checkpoint_from_bytes
from sample_capsules import mixing

sync_api = pytest.importorskip("playwright.sync_api", reason="pip install playwright")

BROWSERS = ("chromium-headless-shell", "chromium", "google-chrome", "chromium-browser")
BROWSER = next((path for name in BROWSERS if (path := shutil.which(name))), None)
pytestmark = pytest.mark.skipif(
    BROWSER is None, reason="no browser (Debian: apt-get install chromium-headless-shell)"
)

PATIENCE = 120_000.0
WORK = to_bytes(mixing(rows=1 << 20, trips=100_000, n=64))

# The contrast of every piece of text with what is behind it, by WCAG 2.2's formula (1.4.3).
CONTRASTS = """() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => {
    const linear = (c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    const [x, y, z] = [r, g, b].map((c) => linear(c / 255));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length < 4 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  return [...document.querySelectorAll("body *")]
    .filter((element) => element.checkVisibility())
    .filter((element) => [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim()))
    .map((element) => {
      const text = light(parse(getComputedStyle(element).color));
      const pair = [text, light(behind(element))].sort((a, b) => a - b);
      return { text: element.textContent.slice(0, 40), ratio: (pair[1] + 0.05) / (pair[0] + 0.05) };
    });
}"""


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDaemon]:
    with web_daemon(tmp_path_factory.mktemp("page"), "xla-cpu", "iree-cpu") as found:
        yield found


@pytest.fixture(scope="module")
def job(web: WebDaemon) -> str:
    with web.daemon.client(TENANTS["ada"]) as client:
        return client.submit(WORK, device="xla").name


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    # A browser's own sandbox does not work as root.
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_api.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=BROWSER, args=options)
        yield found
        found.close()


@pytest.fixture
def page(browser, web: WebDaemon) -> Iterator[object]:  # type: ignore[no-untyped-def]
    """A page of its own, that may ask nobody but the daemon and must have nothing to complain of."""
    context = browser.new_context(accept_downloads=True)
    found = context.new_page()
    found.set_default_timeout(PATIENCE)
    complaints: list[str] = []
    found.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    found.on("pageerror", lambda error: complaints.append(str(error)))
    found.on("request", lambda request: note_stranger(request.url))

    def note_stranger(url: str) -> None:
        if not url.startswith((f"{web.url}/", f"blob:{web.url}/")):
            complaints.append(url)

    found.goto(web.url)
    yield found
    context.close()
    assert not complaints


def present(page, token: str) -> None:  # type: ignore[no-untyped-def]
    """By the keyboard alone: the first Tab leads to the link past the header, the next to the token."""
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type(token)
    page.keyboard.press("Enter")
    sync_api.expect(page.locator("#signed-in")).to_be_visible(timeout=PATIENCE)


def test_without_a_token_nothing_can_be_done(page, job: str) -> None:  # type: ignore[no-untyped-def]
    sync_api.expect(page.get_by_role("heading", name="xla-cpu")).to_be_visible(timeout=PATIENCE)
    sync_api.expect(page.get_by_text("Present your token to see your jobs, and")).to_be_visible()
    assert page.locator("[data-action]").count() == 0
    assert job not in page.content()


def test_a_wrong_token_is_told(browser, web: WebDaemon) -> None:  # type: ignore[no-untyped-def]
    page = browser.new_page()
    page.goto(web.url)
    page.get_by_label("Token").fill("a guess")
    page.keyboard.press("Enter")
    sync_api.expect(page.locator(".notice.bad")).to_contain_text("not one of a tenant", timeout=PATIENCE)
    sync_api.expect(page.locator("#sign-in")).to_be_visible()
    page.close()


def test_a_job_is_followed_moved_kept_and_cancelled(page, web: WebDaemon, job: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    expect = sync_api.expect
    present(page, TENANTS["ada"])
    card = page.locator(f"li.job[data-key='{job}']")
    expect(card.locator(".pill")).to_have_text("running", timeout=PATIENCE)
    bar = card.get_by_role("progressbar")
    before = card.locator(".place").text_content()
    expect(card.locator(".place")).not_to_have_text(before, timeout=PATIENCE)
    assert 0 <= float(bar.get_attribute("aria-valuenow")) <= 100

    card.get_by_role("button", name="Move").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("while it runs")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    card.get_by_role("button", name="Move").press("Enter")
    assert dialog.locator("option").all_text_contents() == ["iree-cpu"]
    dialog.get_by_role("button", name="Move").click()
    expect(card.locator(".where")).to_contain_text("iree-cpu", timeout=PATIENCE)
    expect(page.locator("#moves tbody tr")).to_have_count(1, timeout=PATIENCE)
    expect(page.locator("#moves tbody")).to_contain_text("xla-cpu")
    expect(page.locator(".lane .stretch")).to_have_count(2)
    expect(page.locator(".lane .mark")).to_have_count(1)

    with page.expect_download() as kept:
        card.get_by_role("button", name="Checkpoint").click()
    kept.value.save_as(tmp_path / "kept")
    assert checkpoint_from_bytes((tmp_path / "kept").read_bytes()).capsule.name == "mixing"

    card.get_by_role("button", name="Cancel").click()
    dialog.get_by_role("button", name="Leave it").click()
    expect(card.locator(".pill")).to_have_text("running")
    card.get_by_role("button", name="Cancel").click()
    dialog.get_by_role("button", name="Cancel the job").click()
    expect(card.locator(".pill")).to_have_text("cancelled", timeout=PATIENCE)
    assert card.get_by_role("button").count() == 0
    page.get_by_role("button", name="Sign out").click()
    expect(page.locator("li.job")).to_have_count(0, timeout=PATIENCE)


def test_who_oversees_sees_all_and_does_nothing(page, web: WebDaemon, job: str) -> None:  # type: ignore[no-untyped-def]
    present(page, TENANTS["eve"])
    card = page.locator(f"li.job[data-key='{job}']")
    sync_api.expect(card).to_contain_text("tenant ada", timeout=PATIENCE)
    assert card.get_by_role("button").count() == 0
    sync_api.expect(page.locator("#tenants li")).to_have_count(3)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_every_width_and_can_be_read(page, web: WebDaemon, job: str, scheme: str) -> None:  # type: ignore[no-untyped-def]
    page.emulate_media(color_scheme=scheme)
    present(page, TENANTS["eve"])
    sync_api.expect(page.locator(f"li.job[data-key='{job}']")).to_be_visible(timeout=PATIENCE)
    for width in (320, 390, 768, 1280, 1920):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    poor = [found for found in page.evaluate(CONTRASTS) if found["ratio"] < 4.5]
    assert not poor


def test_it_comes_back_when_the_daemon_does(browser, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    with web_daemon(tmp_path, "xla-cpu") as web:
        page = browser.new_page()
        page.goto(web.url)
        live = page.locator("#live")
        sync_api.expect(live).to_have_text("live", timeout=PATIENCE)
        web.daemon.kill()
        sync_api.expect(live).to_contain_text("trying again", timeout=PATIENCE)
        options = ("--web", f"127.0.0.1:{web.port}")
        with running_daemon(tmp_path, "xla-cpu", options=options):
            sync_api.expect(live).to_have_text("live", timeout=PATIENCE)
        page.close()
