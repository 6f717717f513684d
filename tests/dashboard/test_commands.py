"""Commands that serve the page, or freeze it: what cannot be is refused, with what to do."""

import pytest

from loadgrpc import cli

ES = "example.TestWebSite.test_es"


pytestmark = pytest.mark.usefixtures("own_logging")


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        (("broker", "--web", "0.0.0.0:0"), 2, "--web: 0.0.0.0:0 is not a loopback address"),
        (("broker", "--web-control"), 2, "need --web"),
        (("web", "--listen", "192.0.2.1:80", "--web-open"), 2, "cannot serve the page on"),
        (("run", ES, "-b", "127.0.0.1:1", "--web"), 2, "--web is of a run on this machine"),
        (("report", *"abcdef"), 2, "a report has at most 5 runs"),
        (("report", "a", "b", "--csv", "x"), 2, "--csv is of one run, not of 2"),
        (("report", "a", "--html", "/no/where"), 2, "--html: cannot write '/no/where'"),
        (
            ("report", "a", "--html", "-", "--markdown", "-"),
            2,
            "would both write to standard output",
        ),
    ],
)
def test_what_cannot_be_is_refused(capsys, arguments, code, why):
    """Each with a line that says what to do, before anything is started."""
    assert cli.main(arguments) == code

    out, err = capsys.readouterr()
    assert out == ""
    assert why in err
