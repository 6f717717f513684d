"""Load testing with ordinary Python functional tests, over gRPC."""

__version__ = "0.1.0"
