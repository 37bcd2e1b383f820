"""Training, conversion and evaluation of the models, with torch. Run from a clone: ``python -m export``."""
