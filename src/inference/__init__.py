"""From a trained network and photos to masks and labels."""
