"""Files are found in the source of a test, if they can be."""

import textwrap

from loadgrpc.runner.data.named import NamedUse, uses

SOURCE = textwrap.dedent("""
    FILE = "module.csv"
    MODE: str = "once"
    class Other:
        def test_it(self):
            self.data("other.csv")
    class Test:
        ROWS = "class.jsonl"
        def setUp(self):
            self.user = self.data("users.csv")
        async def test_it(self):
            row = self.data(FILE, MODE, at_end="error")
            for _ in range(3):
                self.call(self.data(self.ROWS, "random", seed=5)["x"])
            self.data(f"{row}.csv"), self.data(unknown), self.data(*args)
            other.data("response.csv")
            self.datas("no.csv")
        def test_other(self):
            self.data("not_this.csv")
        def helper(me):
            me.data("helper.csv", "in-turn")
        @staticmethod
        def no_self():
            pass
        class Inner:
            def test_it(self):
                self.data("inner.csv")
""")


def test_what_a_test_names():
    """With literals, or constants of the module or the class; not what other tests name."""
    assert uses(SOURCE, "Test", "test_it") == [
        NamedUse(10, ("users.csv",), {}),
        NamedUse(12, ("module.csv", "once"), {"at_end": "error"}),
        NamedUse(14, ("class.jsonl", "random"), {"seed": 5}),
        NamedUse(21, ("helper.csv", "in-turn"), {}),
    ]
    assert [use.args[0] for use in uses(SOURCE, "Test.Inner", "test_it")] == ["inner.csv"]


def test_what_a_module_names():
    """All that its classes could need, for who ships it."""
    assert {use.args[0] for use in uses(SOURCE)} == {
        *("other.csv", "users.csv", "module.csv", "class.jsonl"),
        *("not_this.csv", "helper.csv", "inner.csv"),
    }


def test_what_is_no_python_names_nothing():
    """Whoever imports it says what is wrong with it."""
    assert uses("class :", "Test", "test_it") == []
    assert uses("a = '\0'", "Test", "test_it") == []
