"""The page at a real broker: what it shows is what the broker answers, live and in a report."""

import page_documents as made
import pytest

from loadgrpc.cli import figures

NAMES = "[data-table=names] tbody tr"
TEXTS = "rows => rows.map(row => [...row.children].map(cell => cell.textContent))"


@pytest.fixture
def looked_at(at_page, tool):
    """`looked_at(use)` runs `use(desk, page, opened)`; `opened` is a tab of the browser."""
    api = pytest.importorskip("playwright.async_api", reason="needs playwright, of the extra `dev`")
    path = tool("chromium")

    def run(use):
        async def with_browser(desk, page):
            async with api.async_playwright() as playwright:
                arguments = ["--no-sandbox", "--disable-dev-shm-usage"]
                browser = await playwright.chromium.launch(executable_path=path, args=arguments)
                tab = await browser.new_page()
                wrong = []
                tab.on("pageerror", lambda error: wrong.append(str(error)))
                tab.on("console", lambda said: wrong.append(said.text) * (said.type == "error"))
                await use(desk, page, tab)
                await browser.close()
                assert wrong == []

        return at_page(with_browser, within_s=60)

    return run


def expected(summary):
    """What the table of names shows of a summary: counts, and times as the terminal has them."""
    return [
        [
            each["hits"]["count"],
            each["hits"]["failed"],
            *(
                figures.duration(round(float(each["hits"]["elapsed"][point][:-1]) * 1e9))
                for point in made.POINTS
            ),
        ]
        for each in summary["names"]
    ]


async def shown(tab):
    """The same of the page."""
    rows = await tab.eval_on_selector_all(NAMES, TEXTS)
    return [[*row[1:3], *row[5:]] for row in rows]


def test_the_page_shows_what_the_broker_answers(looked_at, ended, tmp_path):
    """Names and big figures are those of GetSummary, and so they are in the report, offline."""

    async def use(desk, page, tab):
        run = await ended(desk, 7)
        summary = await page.get(f"/api/runs/{run.run_id}/summary")
        report = tmp_path / "report.html"
        report.write_bytes((await page.http.get("/api/report", params={"run": run.run_id})).content)
        for address in (f"{page.url}#/runs/{run.run_id}", report.as_uri()):
            await tab.goto(address)
            await tab.wait_for_selector(NAMES)

            assert await shown(tab) == expected(summary)
            assert await tab.inner_text("[data-figure=hits]") == summary["hits"]["count"]
            rate = figures.rate(summary["hits"]["rate"])
            assert await tab.inner_text("[data-figure=rate]") == rate

    looked_at(use)


def test_what_happens_is_shown_at_once(looked_at, active):
    """A page that is open shows the end of a run without being loaded again."""

    async def use(desk, page, tab):
        run, runner = await active(desk)
        await tab.goto(f"{page.url}#/runs/{run.run_id}")
        await tab.wait_for_selector(".badge:text-is('running')")
        await runner.publish(4, failed=1, first=1)
        await runner.ends()
        await desk.settled()
        await tab.wait_for_selector(".badge:not(:text-is('running'))")
        await tab.wait_for_selector("[data-figure=hits]:text-is('4')")

    looked_at(use)
