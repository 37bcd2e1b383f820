"""The models that wearecg ships, a folder each."""
