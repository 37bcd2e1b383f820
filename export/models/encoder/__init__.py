"""The encoder: ten seconds of any of the 12 leads to an embedding and PTB-XL's statements."""
