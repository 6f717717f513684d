"""Extras are imported before users begin, where a test seems to use them."""

import importlib
import unittest

import pytest

from loadgrpc.case import TestCase
from loadgrpc.runner import extras


class Uses(TestCase):
    def get(self):
        self.app.get("/")

    def deep(self):
        return [lambda: self.create_ws("ws://x") for _ in range(3)]


class Inherits(Uses):
    pass


class UsesNone(TestCase):
    number = 7

    def get(self):
        self.session.get("/")


class Plain(unittest.TestCase):
    def get(self):
        self.app.get("/")


@pytest.mark.parametrize(
    ("case", "imported"),
    [
        (Uses, {"webtest_app", "user_sockets"}),
        (Inherits, {"webtest_app", "user_sockets"}),
        (UsesNone, set()),
        (Plain, set()),
    ],
)
def test_what_is_used_is_imported(case, imported, monkeypatch):
    """Names in the code of a class, and of those it derives from, decide."""
    seen = []
    monkeypatch.setattr(importlib, "import_module", seen.append)
    extras.import_used(case)
    assert {name.rpartition(".")[2] for name in seen} == imported


def test_what_is_missing_is_no_error_here(monkeypatch):
    """A name may mean something else: an extra that is missing is raised where it is used."""

    def missing(name):
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    extras.import_used(Uses)
