"""beats: the class of each beat by AAMI."""
