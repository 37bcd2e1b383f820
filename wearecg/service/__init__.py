"""wearecg as a systemd service: the files it needs, and how it tells systemd that it is alive."""
