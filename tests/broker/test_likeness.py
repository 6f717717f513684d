"""What is one finding, and what are two."""

import time

import pytest

from loadgrpc.broker.likeness import gist, line_of


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("251 not less than 250", "99999 not less than 250"),
        ("0.5 != 1e-05", "-3 != 12,000.5"),
        ("order ab12 is gone", "order 9f is gone"),
        ("<object at 0x7f3a>", "<object at 0x1>"),
        (
            "no user 8a7b6c5d-aaaa-bbbb-cccc-ddddeeeeffff",
            "no user aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
        ),
        ("read 127.0.0.1:41234: reset", "read 10.0.0.7:80: reset"),
        ("not equal\nFirst differing element: a", "not equal\nFirst differing element: b"),
    ],
)
def test_b7_numbers_make_no_difference(one, other):
    """Numbers, ids, addresses and all but the first line differ by accident."""
    assert gist(one) == gist(other)


@pytest.mark.parametrize(
    ("one", "other"), [("no such user", "no such order"), ("a: 1", "b: 1"), ("", "1")]
)
def test_b7_words_make_one(one, other):
    """What says something else is something else."""
    assert gist(one) != gist(other)


PYTHON = """\
Traceback (most recent call last):
  File "/srv/ann/shop.py", line 7, in test_buy
    self.buy()
  File "/srv/ann/shop.py", line 12, in buy
    raise_for(status)
  File "/srv/ann/.venv/lib/python3.12/site-packages/requests/models.py", line 1021, in raise_for
    raise HTTPError(status)
requests.exceptions.HTTPError: 500
"""


JAVA = """\
java.lang.AssertionError: 5
\tat org.junit.Assert.fail(Assert.java:86)
\tat shop.Buy.buy(Buy.java:12)
"""


@pytest.mark.parametrize(
    ("traceback", "line"),
    [
        ("", ""),
        ("no frame here: at all", ""),
        (PYTHON, "/srv/ann/shop.py:12"),
        (
            "Error: no\n    at node:internal/x:3:3\n    at buy (/srv/ann/buy.js:12:5)\n",
            "/srv/ann/buy.js:12",
        ),
        (
            JAVA,
            "Buy.java:12",
        ),
        ("goroutine 1 [running]:\nmain.buy()\n\t/src/buy.go:12 +0x1d\n", "/src/buy.go:12"),
    ],
)
def test_b7_the_line_is_that_of_the_test(traceback, line):
    """The innermost line that no library has, in the order of each language."""
    assert line_of(traceback) == line


@pytest.mark.parametrize(
    "text",
    ["a" * 16_384, "-" * 16_384, "a-" * 8_192, "1a" * 8_192, 'File "' * 2_730, ":1" * 8_192],
)
def test_b7_hostile_text_costs_no_more(text):
    """The time grows with the text and no faster: none of these takes long."""
    began = time.perf_counter()
    for _ in range(10):
        gist(text)
        line_of(text)
    assert time.perf_counter() - began < 2.0
