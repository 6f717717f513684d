"""What a test declares, and what becomes of the values that a plan gives."""

import enum
import re
import sys
import types
import unittest
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import ClassVar, Literal

import pytest

from loadgrpc.case import Secret, TestCase
from loadgrpc.errors import InvalidRequest, TestNotLoaded
from loadgrpc.model import Parameter, plan_of, text_of
from loadgrpc.runner.parameters import INVALID, declared, give, secrets_of, values


class Colour(enum.Enum):
    """A type of parameters."""

    DARK_RED = 1
    BLUE = 2


class Shop(TestCase):
    """All that can be declared, and some that cannot."""

    product: int = 7
    pause: timedelta = timedelta(seconds=1)
    share: float = 0.5
    again: bool = False
    name: str = "x"
    colour: Colour = Colour.BLUE
    size: Literal["small", "large"] = "small"
    coupon: str | None = None
    items: tuple[int, ...] = ()
    price: Decimal = Decimal(1)
    day: date = date(2031, 1, 1)
    at: datetime = datetime(2031, 1, 1, tzinfo=UTC)
    file: Path = Path("a")
    card: Secret[str]
    server_url: str = "http://127.0.0.1"
    _hidden: int = 1
    limit: ClassVar[int] = 3
    sink: list[object] = []  # noqa: RUF012 - as careless authors write it
    plain = 4
    basket: str

    def setUp(self):
        self.basket = "mine"

    def test_buy(self):
        """Nothing."""


class Big(Shop):
    """Inherits, overrides and adds."""

    product = 9
    card = "none"
    colour: Colour
    more: int = 1


def given(**texts):
    """Parameters that a plan gives."""
    return [Parameter(name, text) for name, text in texts.items()]


def refused(case_class, *parameters):
    """What is wrong, by name."""
    with pytest.raises(InvalidRequest) as caught:
        values(case_class, parameters)
    return {each.field: each.description for each in caught.value.violations}


def test_what_is_a_parameter():
    """An annotated attribute whose type can be read; what methods set is the test's own."""
    names = ["product", "pause", "share", "again", "name", "colour", "size", "coupon"]
    names += ["items", "price", "day", "at", "file", "card"]
    assert list(declared(Shop)) == names
    assert [each.name for each in declared(Shop).values() if each.required] == ["card"]
    assert [each.name for each in declared(Shop).values() if each.is_secret] == ["card"]
    assert [*declared(Big)] == [*names, "more"]
    assert not any(each.required for each in declared(Big).values())
    assert declared(unittest.TestCase) == declared(TestCase) == {}


def test_annotations_may_be_texts():
    """As of a module with `from __future__ import annotations`; what has no meaning is left out."""
    module = types.ModuleType("annotated_as_text")
    sys.modules[module.__name__] = module
    code = (
        "from __future__ import annotations\nfrom typing import TYPE_CHECKING\n"
        "from loadgrpc.case import Secret, TestCase\n"
        "if TYPE_CHECKING:\n    from nowhere import Client\n"
        "class T(TestCase):\n    n: int = 1\n    key: Secret[str] = ''\n    client: Client = None\n"
    )
    try:
        exec(code, vars(module))  # noqa: S102 - it stands above
        assert list(declared(module.T)) == ["n", "key"]
        assert declared(module.T)["key"].is_secret
    finally:
        del sys.modules[module.__name__]


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("product", "9", 9),
        ("product", "-1_000", -1000),
        ("pause", "1m30s", timedelta(seconds=90)),
        ("pause", "0.5", timedelta(milliseconds=500)),
        ("share", "1e-3", 0.001),
        ("again", "Yes", True),
        ("again", "0", False),
        ("name", "", ""),
        ("colour", "dark-red", Colour.DARK_RED),
        ("colour", "DARK_RED", Colour.DARK_RED),
        ("size", "large", "large"),
        ("coupon", "none", "none"),
        ("items", "1, 2,3", (1, 2, 3)),
        ("items", "", ()),
        ("price", "0.10", Decimal("0.10")),
        ("day", "2031-12-24", date(2031, 12, 24)),
        ("at", "2031-12-24T18:00:00+00:00", datetime(2031, 12, 24, 18, tzinfo=UTC)),
        ("file", "a/b", Path("a/b")),
    ],
)
def test_text_is_read_as_the_type(name, text, value):
    """Each type as people write it; what Python writes of a value is read as that value."""
    assert values(Shop, given(**{name: text, "card": "c"}), checked=False)[name] == value
    again = values(Shop, given(**{name: text_of(value), "card": "c"}), checked=False)
    assert again[name] == value


@pytest.mark.parametrize(
    ("name", "text", "what"),
    [
        ("product", "9.5", "must be a whole number, not '9.5'"),
        ("share", "much", "must be a number, not 'much'"),
        ("again", "maybe", "must be true or false, not 'maybe'"),
        ("pause", "soon", "must be a duration such as 90, 1.5s, 5m or 1h30m, not 'soon'"),
        ("colour", "green", "must be one of dark-red, blue, not 'green'"),
        ("size", "Large", "must be one of small, large, not 'Large'"),
        ("items", "1,x", "must be a whole number, not '1,x'"),
        ("price", "x", "must be a number, not 'x'"),
        ("day", "24.12.", "must be a date such as 2031-12-24, not '24.12.'"),
        ("at", "now", "must be a time such as 2031-12-24T18:00:00+01:00, not 'now'"),
        ("prodct", "9", "is no parameter of the test; did you mean 'product'?"),
        ("basket", "x", "is no parameter of the test"),
        ("_hidden", "x", "is no parameter of the test"),
        ("server_url", "x", "is no parameter of the test"),
    ],
)
def test_what_does_not_fit_is_named(name, text, what):
    """With what would fit."""
    found = refused(Shop, *given(**{name: text}), Parameter("card", "c", secret=True))
    assert found.keys() == {name}
    assert found[name].startswith(what)


def test_all_that_is_wrong_is_named_at_once():
    """Unknown, wrong and missing ones; of a secret nothing of its value."""
    found = refused(Shop, *given(product="x", nothing="y"))
    assert found.keys() == {"product", "nothing", "card"}
    assert found["card"] == "is missing: the test declares it without a value"
    assert refused(TestCase, *given(a="1")) == {
        "a": "is no parameter of the test, which declares none"
    }

    class Pin(TestCase):
        pin: int = 0

    assert refused(Pin, *given(pin="abcd")) == {"pin": "must be a whole number"}


def test_a_secret_has_to_be_given_as_one():
    """By its type, unless its name says so anyway: what was not marked was shown already."""
    assert "the plan does not say" in refused(Shop, *given(card="4111"))["card"]
    assert values(Shop, [Parameter("card", "4111", secret=True)]) == {"card": "4111"}
    assert secrets_of(Shop, given(card="4111", product="9")) == {"card": "4111"}
    assert secrets_of(None, given(card="4111", password="pw")) == {"password": "pw"}


def test_a_secret_need_not_be_declared():
    """`secret` of the test has it; what only has the name of one does, as everything else."""
    card = Parameter("card", "c", secret=True)
    assert values(Shop, [Parameter("tocken", "x", secret=True), card]) == {"card": "c"}
    found = refused(Shop, Parameter("token", "x"), card)
    assert found["token"].startswith("is no parameter of the test")


def test_a_plan_in_python_has_secrets_beside_parameters():
    """By name, as text; sorted with the others, and not in what is kept of it."""
    plan = plan_of(test="a.B.c", parameters={"n": 1, "a": 2}, secrets={"token": "x", "b": "y"})
    assert plan.scenarios[0].parameters == (
        Parameter("a", "2"),
        Parameter("b", "y", secret=True),
        Parameter("n", "1"),
        Parameter("token", "x", secret=True),
    )
    assert plan.kept().withheld == ["b", "token"]


def test_what_is_given_is_set_on_the_class():
    """Not on its base; what is wrong is a test that cannot be loaded, in one sentence."""
    mine = type("Mine", (Big,), {})
    give(mine, given(product="11", colour="blue"))
    assert (mine.product, mine.colour, Big.product) == (11, Colour.BLUE, 9)
    with pytest.raises(TestNotLoaded, match=re.escape("product: must be a whole number")) as caught:
        give(mine, given(product="x"))
    assert caught.value.cause == INVALID


def test_unchecked_ones_are_given_as_they_are():
    """What is not declared is left out, and what cannot be read is text."""
    mine = type("Mine", (Shop,), {})
    give(mine, given(product="x", nothing="y"), checked=False)
    assert mine.product == "x"
    assert not hasattr(mine, "nothing")
    assert not hasattr(mine, "card")


def test_a_plan_takes_values_of_any_type():
    """In Python; they become text."""
    plan = plan_of(
        test="a.B.c", users=3, iterations=2, parameters={"pause": timedelta(minutes=1.5), "a": True}
    )
    assert plan.scenarios[0].parameters == (Parameter("a", "true"), Parameter("pause", "90"))
    assert (plan.users, plan.scenarios[0].iterations) == ((3,), (2,))
    assert text_of(Colour.DARK_RED) == "DARK_RED"
    with pytest.raises(TypeError, match="a plan has no 'user'"):
        plan_of(test="a.B.c", user=3)
