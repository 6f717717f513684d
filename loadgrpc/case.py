"""The base class of tests, where tests import it from: `from loadgrpc.case import TestCase`."""

from loadgrpc.runner.testcase import TestCase

__all__ = ["TestCase"]
