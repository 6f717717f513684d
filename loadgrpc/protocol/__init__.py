"""The border between messages and the domain: converters in pairs, errors and statuses, columns."""
