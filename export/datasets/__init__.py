"""Recordings that models are trained on, read in their publishers' layout."""
