"""lead12: a few of the twelve leads to all of them, and the matrices that it must beat."""
