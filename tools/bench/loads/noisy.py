"""What the pairs of real runs do: one request after the other."""

from loadgrpc import TestCase


class TestNoisy(TestCase):
    """Users of `bench.noisy`."""

    def test_get(self) -> None:
        """A request."""
        self.session.get(self.server_url, name="/")
