"""Rows of files for users: `self.data("users.csv")`.

Rule: which row a user gets follows from who it is and how many it has taken, so that agents and
processes share a file out exactly without asking each other.
"""
