"""The fast lane: plain requests on idle connections, without Requests."""
