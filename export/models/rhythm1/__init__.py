"""rhythm1: thirty seconds of one lead to a rhythm."""
