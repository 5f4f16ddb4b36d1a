"""From frames and a network to trained weights."""
