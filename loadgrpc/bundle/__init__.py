"""The files that a test needs, as one tar: chosen, packed, checked, unpacked.

Rule: nothing here knows gRPC or processes. The same bundle is checked three times, by whoever
packs it, keeps it and unpacks it, each time by `archive.py`: nobody trusts the one before.
"""
