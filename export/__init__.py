"""Where models are made, with torch. Run from a clone: ``python -m export``."""
