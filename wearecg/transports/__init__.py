"""How a sensor's bytes reach this computer. Nothing here knows what they mean."""
