"""`self.create_ws`: WebSockets of a user, measured. See `client.py`."""
