"""Who has replaced a function of a library is found out."""

import functools
from unittest import mock

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util import connection

from loadgrpc.runner.http.genuine import is_of


def test_a_function_is_its_modules_own():
    """Plain, bound, or inherited: it is where it was written."""
    assert is_of("urllib3.util.connection", connection.create_connection)
    assert is_of("urllib3.connection", HTTPSConnection("h").connect)
    assert is_of("urllib3.connection", HTTPSConnection("h")._new_conn)


def test_what_stands_in_for_one_is_not():
    """A wrapper, though it looks the same, a mock, and a method of one's own."""

    @functools.wraps(connection.create_connection)
    def wrapper(*args):
        return connection.create_connection(*args)

    class Own(HTTPConnection):
        def _new_conn(self):
            return super()._new_conn()

    assert wrapper.__module__ == "urllib3.util.connection"
    assert not is_of("urllib3.util.connection", wrapper)
    assert not is_of("urllib3.util.connection", mock.Mock(connection.create_connection))
    assert not is_of("urllib3.connection", Own("h")._new_conn)
    assert not is_of("urllib3.connection", len)
