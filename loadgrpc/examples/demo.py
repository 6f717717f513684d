"""A visitor of the demo server, as an ordinary functional test.

python -m loadgrpc.examples.server &
python -m unittest loadgrpc.examples.demo
loadgrpc run loadgrpc.examples.demo.TestDemo.test_browse -u 10 -i 20
"""

from __future__ import annotations

from loadgrpc import TestCase


class TestDemo(TestCase):
    """What visitors of the demo server do."""

    server_url = "http://127.0.0.1:9000"

    def test_browse(self) -> None:
        """A visit: the front page, a cookie that is kept, a form, a slow page, a redirect."""
        front = self.session.get(self.server_url + "/")
        self.assertIn("Hello", front.text)

        visitor = self.session.get(self.server_url + "/cookie").json()["visitor"]
        again = self.session.get(self.server_url + "/cookie").json()
        self.assertEqual(again["visitor"], visitor, "the session keeps its cookies")

        posted = self.session.post(self.server_url + "/echo", data={"comment": "nice"})
        self.assertEqual(posted.text, "comment=nice")

        slow = self.session.get(self.server_url + "/delay/20")
        self.assertEqual(slow.status_code, 200)

        moved = self.session.get(self.server_url + "/redirect/1")
        self.assertEqual([step.status_code for step in moved.history], [302])
        self.assertEqual(moved.status_code, 200)

    def test_fast(self) -> None:
        """One request and nothing else, to see how fast loadgrpc is."""
        self.assertEqual(self.session.get(self.server_url + "/").status_code, 200)
