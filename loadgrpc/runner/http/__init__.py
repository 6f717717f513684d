"""The HTTP instrument: a session of Requests whose requests are hits."""
