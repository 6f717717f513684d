"""The examples of the course, each with the result that the course has."""

import datetime as dt
import re
from pathlib import Path

import pytest

from loadgrpc.design import DesignError, load, load_table

FOLDER = Path(__file__).parents[2] / "loadgrpc/examples/design"


def entries(table):
    """The rules of a table as the course writes them."""
    return {
        rule.name: " ".join(
            condition.said(entry).replace(", ", "+")
            for condition, entry in zip(table.conditions, rule.entries, strict=True)
        )
        for rule in table.rules
    }


@pytest.mark.parametrize("path", sorted(FOLDER.iterdir()), ids=lambda path: path.stem)
def test_an_example_is_complete(path):
    """No example has a gap or a contradiction, and each simplifies to a minimum."""
    table = load_table(path)

    assert table.check().complete
    assert table.simplify().how.minimal


def test_the_book_shop_gives_a_discount():
    """Eight rules become four, and four cases follow."""
    simple = load_table(FOLDER / "book-shop.csv").simplify().table

    assert entries(simple) == {"1-2": "Y Y -", "3": "Y N Y", "4": "Y N N", "5-8": "N - -"}
    assert [tuple(case.values.values()) for case in simple.cases()] == [
        (1200, True, 25),
        (1200, False, 25),
        (1200, False, 12),
        (900, False, 12),
    ]
    assert [case.expected["discount"] for case in simple.cases()] == [True, True, None, None]


def test_cold_and_rain():
    """Four combinations, the last of which needs nothing."""
    table = load_table(FOLDER / "cold-rain.md")

    assert [table.taken(rule) for rule in table.rules] == [
        {"coat": True, "umbrella": True},
        {"coat": True},
        {"umbrella": True},
        {},
    ]
    assert table.title == "What to take along"


def test_the_cash_machine():
    """Sixteen combinations, two of them impossible, become five rules."""
    table = load_table(FOLDER / "cash-machine.csv")
    found = table.check()
    simple = table.simplify().table

    assert (found.total, found.impossible, found.covered) == (16, 2, 14)
    assert sorted(entries(simple).values()) == [
        "N - - -",
        "Y N N -",
        "Y N Y -",
        "Y Y N N",
        "Y Y N Y",
    ]
    assert {tuple(simple.taken(rule)) for rule in simple.rules} == {
        ("reject the card",),
        ("ask for the PIN",),
        ("keep the card",),
        ("ask for the amount",),
        ("pay",),
    }


def test_two_characters_change_a_file():
    """The graph has eight columns, two of them impossible; six cases follow from the others."""
    graph = load(FOLDER / "two-characters.ceg")
    table = graph.table()

    assert graph.effects == ("21", "22", "23")
    assert [each.name for each in table.impossible] == ["1", "2"]
    assert {rule.name: [each is True for each in rule.outcome] for rule in table.rules} == {
        "3": [True, False, False],
        "4": [False, False, True],
        "5": [True, False, False],
        "6": [False, False, True],
        "7": [False, True, False],
        "8": [False, True, True],
    }
    # The inputs of the course: two for each column.
    course = {"3": "A3 A8", "4": "AB A?", "5": "B5 B4", "6": "BN B!", "7": "C2 X6", "8": "SD P$"}
    assert len(table.cases()) == len(course)
    for name, inputs in course.items():
        for first, second in inputs.split():
            given = dict(
                zip(
                    [each.name for each in table.conditions],
                    [first == "A", first == "B", second.isdigit()],
                    strict=True,
                )
            )
            assert table.decide(given).rules == (name,)


NEXTDATE = {
    "1-3": "M1 D1+D2+D3 -",
    "4": "M1 D4 -",
    "5": "M1 D5 -",
    "6-9": "M2 D1+D2+D3+D4 -",
    "10": "M2 D5 -",
    "11-14": "M3 D1+D2+D3+D4 -",
    "15": "M3 D5 -",
    "16": "M4 D1 -",
    "17": "M4 D2 Y1",
    "18": "M4 D2 Y2",
    "19": "M4 D3 Y1",
    "20": "M4 D3 Y2",
    "21-22": "M4 D4+D5 -",
}
COURSE = {
    # Rule: month, day, year, expected. The course has August where it means a month of 30 days,
    # and 17/2/2001 for the day after 16 February 2004; both are put right here.
    "1-3": (9, 16, 2001, "17/9/2001"),
    "4": (9, 30, 2004, "1/10/2004"),
    "5": (9, 31, 2001, "impossible"),
    "6-9": (1, 16, 2004, "17/1/2004"),
    "10": (1, 31, 2001, "1/2/2001"),
    "11-14": (12, 16, 2004, "17/12/2004"),
    "15": (12, 31, 2001, "1/1/2002"),
    "16": (2, 16, 2004, "17/2/2004"),
    "17": (2, 28, 2004, "29/2/2004"),
    "18": (2, 28, 2001, "1/3/2001"),
    "19": (2, 29, 2004, "1/3/2004"),
    "20": (2, 29, 2001, "impossible"),
    "21-22": (2, 30, 2004, "impossible"),
}


def next_date(month, day, year):
    """The day after a date, by the calendar."""
    try:
        after = dt.date(year, month, day) + dt.timedelta(days=1)
    except ValueError:
        return "impossible"
    return f"{after.day}/{after.month}/{after.year}"


def by_actions(actions, month, day, year):
    """The day after a date, by the actions of a rule."""
    if "impossible" in actions:
        return "impossible"
    day = 1 if "reset day" in actions else day + ("day + 1" in actions)
    month = 1 if "reset month" in actions else month + ("month + 1" in actions)
    return f"{day}/{month}/{year + ('year + 1' in actions)}"


def test_the_next_date():
    """Twenty-two rules become thirteen while months stay apart, and twelve otherwise."""
    table = load_table(FOLDER / "nextdate.toml")
    joined = [
        condition.__class__(condition.name, condition.values) for condition in table.conditions
    ]
    with_months_joined = table.__class__(tuple(joined), table.actions, table.rules)

    assert len(table.rules) == 22
    assert entries(table.simplify().table) == NEXTDATE
    assert len(with_months_joined.simplify().table.rules) == 12
    assert len(with_months_joined.simplify(apart=["month"]).table.rules) == 13


def test_the_next_date_has_the_cases_of_the_course():
    """Each case of the course meets the rule that it is for, whose actions give its date."""
    simple = load_table(FOLDER / "nextdate.toml").simplify().table

    for name, (month, day, year, expected) in COURSE.items():
        decision = simple.decide({"month": month, "day": day, "year": year})
        assert decision.rules == (name,)
        assert by_actions(decision.actions, month, day, year) == expected
        assert next_date(month, day, year) == expected


@pytest.mark.parametrize("boundaries", [False, True])
def test_cases_of_the_next_date_agree_with_the_calendar(boundaries):
    """Whatever inputs are made, the actions that are expected give the next date."""
    table = load_table(FOLDER / "nextdate.toml").simplify().table

    cases = table.cases(strength=2, boundaries=boundaries)
    assert {case.rule for case in cases} == set(NEXTDATE)
    for case in cases:
        actions = {name for name, value in case.expected.items() if value}
        assert by_actions(actions, **case.values) == next_date(**case.values)


def test_the_triangle():
    """Eleven rules, three of which are impossible, decide about every three lengths."""
    table = load_table(FOLDER / "triangle.md")

    assert len(table.rules) == 8
    assert [each.name for each in table.impossible][:3] == ["5", "6", "8"]
    for a in range(1, 6):
        for b in range(1, 6):
            for c in range(1, 6):
                given = {
                    "a < b + c": a < b + c,
                    "b < a + c": b < a + c,
                    "c < a + b": c < a + b,
                    "a = b": a == b,
                    "b = c": b == c,
                    "a = c": a == c,
                }
                longest = max(a, b, c)
                kinds = {1: "all equal", 2: "two equal", 3: "scalene"}
                right = kinds[len({a, b, c})] if 2 * longest < a + b + c else "none"
                assert table.decide(given).actions == {"action": right}


def test_the_sign_in():
    """Seven combinations can occur, five rules decide, and four are enough."""
    table = load_table(FOLDER / "qq-login.toml")

    assert (table.check().total, table.check().impossible) == (9, 2)
    assert len(table.simplify().table.rules) == 4
    assert table.decide({"account": 10001, "password": "secret"}).rules == ("welcome",)
    with pytest.raises(DesignError, match="cannot occur: impossible combination whose password"):
        table.decide({"account": "unknown", "password": "right"})


def test_the_page_says_what_holds():
    """The example of the library on the page about designed tests runs as it stands."""
    page = (FOLDER.parents[2] / "docs/designing-tests.md").read_text(encoding="utf-8")
    *_, example = re.findall(r"```python[^\n]*\n(.*?)```", page, re.DOTALL)

    exec(example, {})  # noqa: S102 - it is ours
    for path in FOLDER.iterdir():
        assert f"`{path.name}`" in page
