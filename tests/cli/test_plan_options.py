"""What is wrong with a plan, in the words of the command line."""

from loadgrpc.cli.plan_options import sentence
from loadgrpc.errors import InvalidRequest, Violation


def test_a_sentence_names_options_and_leaves_words_alone():
    """`users` is a field, and `all-users` is none."""
    detail = "arrivals need all-users mode: use runner_mode all-users"

    assert sentence(InvalidRequest([Violation("plan.load", detail)])) == (
        "--load arrivals need all-users mode: use --runner-mode all-users"
    )
    assert sentence(InvalidRequest([Violation("plan.load", "cannot be combined with users")])) == (
        "--load cannot be combined with -u/--users"
    )
