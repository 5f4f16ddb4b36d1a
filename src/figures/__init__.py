"""Arrays in, figures and their captions out."""
