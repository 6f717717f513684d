"""A run on the page: figure for figure what its documents say, as the terminal writes them."""

import page_documents as made

from loadgrpc.cli import figures

RUN = "r-0123456789"


def cells(page, table):
    """The texts of a table, row by row."""
    return page.eval_on_selector_all(
        f"[data-table={table}] tbody tr",
        "rows => rows.map(row => [...row.children].map(cell => cell.textContent))",
    )


def test_figures_are_those_of_the_documents(door, open_page):
    """Names and large figures are those of the summary, charts those of the timeline.

    All are written as the terminal writes them; what a chart has is read in its table.
    """
    page = open_page(f"#/runs/{RUN}")
    page.wait_for_selector("[data-table=names] tbody tr")
    summary = made.summary()

    assert cells(page, "names") == [name_row(each) for each in summary.names]
    shown = page.eval_on_selector_all(
        "[data-figure]",
        "all => Object.fromEntries(all.map(e => [e.dataset.figure, e.textContent]))",
    )
    assert shown["hits"] == str(summary.hits.count)
    assert shown["failed"] == str(summary.hits.failed)
    assert shown["rate"] == figures.rate(summary.hits.rate)
    for point in ("p50", "p95", "p99"):
        assert shown[point] == time_of(summary.hits, point)
    windows = [made.window(at) for at in range(1, made.SECONDS + 1)]
    assert charted(page, "rate") == [
        [figures.rate(each.hits.rate), figures.rate(each.hits.failed)] for each in windows
    ]
    assert charted(page, "cpu") == [
        [figures.percent(each.cpu.max, 1), figures.percent(each.cpu.avg, 1)] for each in windows
    ]
    assert charted(page, "response") == [
        [time_of(each.hits, point) for point in ("p50", "p90", "p95", "p99")] for each in windows
    ]


def time_of(hits, point):
    """A time of hits, as the terminal writes it."""
    return figures.duration(getattr(hits.elapsed, point).ToNanoseconds())


def name_row(each):
    """What the table has of a name."""
    return [
        f"{each.method} {each.name.removeprefix('http://shop.example:8000')}",
        str(each.hits.count),
        str(each.hits.failed),
        figures.percent(each.hits.failed, each.hits.count),
        figures.rate(each.hits.rate),
        *(time_of(each.hits, point) for point in made.POINTS),
    ]


def charted(page, chart):
    """What a chart has, window by window.

    The table is written when the browser says that it is open, which is some time after the click.
    """
    page.click(f"[data-chart={chart}] .as-table summary")
    page.wait_for_selector(f"[data-chart={chart}] .as-table tbody tr")
    return page.eval_on_selector_all(
        f"[data-chart={chart}] .as-table tbody tr",
        "rows => rows.map(row => [...row.querySelectorAll('td')].map(td => td.textContent))",
    )


def test_a_name_has_charts_of_its_own(door, open_page):
    """A click on a name asks for its timeline, and says what is shown."""
    page = open_page(f"#/runs/{RUN}")
    page.click("[data-table=names] tbody button >> nth=1")
    page.wait_for_selector(".scope strong")

    assert page.inner_text(".scope strong") == "GET http://shop.example:8000/item/1"
    assert any("names=" in path and "by_name=1" in path for _, path in door.asked)


def test_a_name_has_a_heat_map_of_its_own(door, open_page):
    """Of the distributions of its hits, and none of the others'."""
    windows = [
        {
            **each,
            "distribution": None,
            "series": [
                {
                    **{key: getattr(made.name(1), key) for key in ("name", "method")},
                    "hits": each["hits"],
                    "distribution": each["distribution"],
                }
            ],
        }
        for each in made.timeline()["windows"]
    ]
    whole = door.documents[f"runs/{RUN}/timeline"]
    door.documents[f"runs/{RUN}/timeline"] = lambda query, _: (
        {**whole, "windows": windows} if "names" in query else whole
    )
    page = open_page(f"#/runs/{RUN}")
    page.click("[data-table=names] tbody button >> nth=1")
    page.wait_for_selector(".scope strong")
    painted = """() => {
      const {width, height} = document.querySelector('[data-chart=heat] canvas');
      const context = document.querySelector('[data-chart=heat] canvas').getContext('2d');
      const {data} = context.getImageData(0, 0, width, height);
      return data.some((value, at) => at % 4 === 2 && value > data[at - 2] + 60);
    }"""

    assert page.evaluate(painted)
    assert page.locator("[data-chart=cpu]").is_hidden()


def test_an_active_run_is_brought_up_to_date(door, open_page):
    """Figures of the stream stand there as they come, and windows are drawn."""
    run = made.run(active=True)
    door.documents[f"runs/{RUN}"] = made.as_document(run)
    progress = {
        "hits": "4711",
        "failedHits": "12",
        "rate": 99.5,
        "users": 50,
        "iterations": {"started": "17"},
    }
    late = made.as_document(made.window(made.SECONDS + 3))
    door.streams[f"runs/{RUN}/watch"] = [
        ("", "2", {"run": made.as_document(run), "sequence": "2"}),
        ("", "2", {"progress": progress, "sequence": "2"}),
        ("", "2", {"window": late, "sequence": "2"}),
    ]
    page = open_page(f"#/runs/{RUN}")
    page.wait_for_selector("[data-figure=hits]:text-is('4711')")

    assert page.inner_text("[data-figure=rate]") == "99.5/s"
    assert len(charted(page, "rate")) == made.SECONDS + 3


def test_a_page_that_nobody_looks_at_asks_for_nothing(door, open_page):
    """In the background it is silent; when it is seen again, it has what it missed."""
    run = made.run(active=True)
    door.documents[f"runs/{RUN}"] = made.as_document(run)
    door.streams[f"runs/{RUN}/watch"] = [("", "2", {"run": made.as_document(run)})]
    page = open_page(f"#/runs/{RUN}")
    page.wait_for_selector("[data-table=names] tbody tr")
    see = """hidden => {
      Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});
      document.dispatchEvent(new Event('visibilitychange'));
    }"""
    page.evaluate(see, True)
    page.wait_for_timeout(50)
    before = len(door.asked)
    page.wait_for_timeout(2_200)  # the summary is asked for every 2 s
    meanwhile = len(door.asked) - before
    summary = door.documents[f"runs/{RUN}/summary"]
    summary["hits"]["count"] = "123456"
    page.evaluate(see, False)
    page.wait_for_selector("[data-figure=hits]:text-is('123456')")

    assert meanwhile == 0


def test_figures_are_written_as_in_the_terminal(door, open_page):
    """The page's figures.js and the terminal's figures.py write the same, value for value."""
    page = open_page("#/runs")
    times = [0, 1, 999, 1_000, 1_125, 1_005_000, 999_950, 999_949_999, 10**9, 59_949_999_999]
    times += [59_950_000_000, 62_500_000_000, 3_599_500_000_000, 86_400 * 10**9]
    times += [round(1.37**at) for at in range(100)]
    values = [0, 0.004, 0.005, 0.125, 1.005, 9.994, 9.995, 99.949, 99.95, 4.35, 2.675, 12345.5]
    values += [1.173**at / 1000 for at in range(120)]
    shares = [(0, 0), (0, 5), (5, 5), (1, 3), (1, 100_000), (99_999, 100_000), (99_999_999, 10**8)]
    sizes = [0, 999, 1_000, 999_499, 999_500, 10**9, 10**13] + [3**at for at in range(28)]
    shown = page.evaluate(
        """async ([times, values, shares, sizes]) => {
          const figures = await import('./figures.js');
          return [times.map(figures.duration), values.map(figures.rate),
            shares.map(([part, whole]) => figures.percent(part, whole)), sizes.map(figures.size)];
        }""",
        [times, values, shares, sizes],
    )

    assert shown == [
        [figures.duration(each) for each in times],
        [figures.rate(each) for each in values],
        [figures.percent(*each) for each in shares],
        [figures.size(each) for each in sizes],
    ]
