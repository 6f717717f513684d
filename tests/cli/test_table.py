"""Tables that fit."""

from hypothesis import given
from hypothesis import strategies as st

from loadgrpc.cli.figures import cells
from loadgrpc.cli.table import TableRow, figures_table, labelled, text_table

NAMES = st.text("abc/:.-é日", min_size=0, max_size=60)
FIGURE = st.integers(0, 10**7).map(str)
ROWS = st.lists(st.tuples(NAMES, FIGURE, FIGURE, FIGURE), min_size=1, max_size=5)


@given(
    st.lists(st.tuples(NAMES, FIGURE, FIGURE, FIGURE), min_size=1, max_size=5), st.integers(40, 140)
)
def test_figures_are_never_cut_and_lines_always_fit(rows, width):
    """Whatever the names and the width, all figures are there and no line is too long."""
    lines = figures_table(
        "Title",
        ("count", "avg", "rate"),
        [TableRow(name, tuple(figures)) for name, *figures in rows],
        width,
        beside=("count",),
    )
    text = "\n".join(line.text for line in lines).split()
    for _, *figures in rows:
        for figure in figures:
            assert figure in text
    assert max(cells(line.text) for line in lines) <= width


@given(st.lists(st.tuples(NAMES, NAMES, FIGURE), max_size=5), st.integers(60, 140))
def test_tables_of_texts_fit(rows, width):
    """Long texts are shortened until the row fits."""
    for line in text_table(["Agents", "host", "hits"], rows, width):
        assert cells(line.text) <= width


@given(st.lists(NAMES, max_size=9), st.integers(40, 140))
def test_labelled_items_fit(items, width):
    """Items continue beneath each other where they do not fit beside."""
    for line in labelled("label", items, width):
        assert cells(line.text) <= width


def test_headings_stand_over_their_figures():
    """A heading and its figures end in the same column."""
    head, row = figures_table("Names", ("count", "failed"), [TableRow("a", ("1200", "3"))], 80)
    assert head.text.index("count") + len("count") == row.text.index("1200") + len("1200")
    assert len(head.text) == len(row.text)
