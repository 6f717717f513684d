"""What was broken in Loads has a test that says so: by its name, or in its docstring.

The numbers are those of an inventory of Loads 0.3.1; here is what each was.
"""

import ast
import re

import pytest

DEFECTS = {
    "D3": "users of a cycle go on in the next ones",
    "D6": "a dead agent stays on the list, is chosen, and holds up its run",
    "D7": "the worker of a killed agent goes on with the load",
    "D8": "the message about a second broker has a document for its process",
    "D15": "with heartbeats, all agents are taken off the list every 50 seconds",
    "D16": "an agent prints every reply",
    "R2": "nothing ends an agent that does not answer",
    "R3": "--max-age ends agents that are busy",
    "R4": "a stop ends all workers of an agent, of other runs, too",
    "R5": "the broker may look for agents forever",
    "R9": "each flush writes the metadata of all runs again",
}


@pytest.fixture(scope="module")
def told(root):
    """Of each test its name and docstring, as one text."""
    found = []
    for path in sorted((root / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                found.append(f"{node.name}: {ast.get_docstring(node) or ''}")
    return found


@pytest.mark.parametrize("defect", DEFECTS)
def test_each_defect_has_a_test(told, defect):
    """`Loads' D6` in a docstring, or `test_d8_…` as a name."""
    named = re.compile(rf"Loads' (?:\w+ and its )?{defect}\b|\btest_{defect.lower()}_")

    assert [each for each in told if named.search(each)], DEFECTS[defect]
