"""The Arduino sketches as host programs (C++), and what feeds them."""
