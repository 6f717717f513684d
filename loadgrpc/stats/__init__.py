"""What measurements add up to: histograms, figures of hits, rates.

Rule: everything here is pure. It is handed numbers and times, keeps what they add up to, and
knows nothing of where they come from. What accumulates has `add`; what is added up in several
places has `merge` too, and tests hold its laws.
"""
