"""What cardiology measures: leads, beats, rate, signal quality."""
