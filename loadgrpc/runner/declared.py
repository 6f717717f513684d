"""`python -m loadgrpc.runner.declared`: what a test declares, for whoever is about to start it.

Reads one JSON object from standard input, `{"test": …, "parameters": [[name, value, secret], …]}`,
and writes one: which parameters are `secrets`, and what is `wrong`, as `[name, what]`. Whoever asks
has the test in the current folder; where it cannot be loaded, `error` says so, and nobody knows.

Rule: the process ends with the answer; nothing of the test is run but its import.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

from loadgrpc.errors import InvalidRequest, TestNotLoaded
from loadgrpc.model import Parameter
from loadgrpc.runner.loader import load
from loadgrpc.runner.parameters import declared, values


def answer(question: dict[str, Any]) -> dict[str, Any]:
    """What is known of the parameters of a test."""
    given = [Parameter(*each) for each in question["parameters"]]
    try:
        case_class = load(question["test"], Path.cwd()).case_class
    except TestNotLoaded as error:
        return {"error": str(error)}
    secrets = {each.name for each in declared(case_class).values() if each.is_secret}
    marked = [replace(each, secret=each.secret or each.name in secrets) for each in given]
    try:
        values(case_class, marked)
    except InvalidRequest as error:
        wrong = [[each.field, each.description] for each in error.violations]
        return {"secrets": sorted(secrets), "wrong": wrong}
    return {"secrets": sorted(secrets), "wrong": []}


def main() -> None:
    """Answers, and ends at once: the test may have left threads behind."""
    question = json.load(sys.stdin)
    with redirect_stdout(sys.stderr):  # a test may print while it is imported
        found = answer(question)
    sys.stdout.write(json.dumps(found))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
