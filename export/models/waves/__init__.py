"""waves: where P wave, QRS complex and T wave of a beat begin, peak and end."""
