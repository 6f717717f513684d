"""CI sees what a newcomer sees."""

import re


def test_a1_ci_runs_the_commands_of_the_readme_in_a_bare_clone(root):
    """After it has cloned, CI runs what the README tells a newcomer to type, word for word."""
    readme = (root / "README.md").read_text()
    block = re.search(r"^```sh\n((?:.*\n)*?)```$", readme, re.MULTILINE)[1]
    told = [line.partition("#")[0].strip() for line in block.splitlines()]

    before, cloned, after = (root / ".ci/run").read_text().partition("clone -q")

    assert cloned
    assert [line for line in after.splitlines() if line.startswith("make ")] == told
    assert not re.search(r"^make (?!tools)", before, re.MULTILINE)


def test_a1_nothing_of_the_checkout_is_on_the_path_of_ci(root):
    """CI finds tools where a newcomer's tests find them, and puts nothing on PATH."""
    assert "PATH=" not in (root / ".ci/run").read_text()
