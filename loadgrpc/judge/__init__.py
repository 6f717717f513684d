"""Thresholds: what they say, and whether the windows of a run hold to it.

    text ──grammar──▶ Threshold ──┐
    closed windows ───────────────┴─ Judging ──▶ a result for each, with its evidence

`metrics.py` is the one table of what can be judged. Rule: pure. The broker judges a run live and
`loadgrpc check` judges a stored one with the same code, from the same windows.
"""
