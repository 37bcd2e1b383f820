"""The report of a recording: one page that needs nothing else, or the same as data."""
