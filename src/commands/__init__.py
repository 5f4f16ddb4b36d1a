"""What each verb of `python -m src` takes and does; the work itself is done elsewhere."""
