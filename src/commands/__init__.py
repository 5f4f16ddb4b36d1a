"""Arguments and calls of each verb of `python -m src`; other packages do the work."""
