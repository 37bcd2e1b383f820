"""ppg2ecg: a pulse wave to its heart beats and an ECG-shaped trace."""
