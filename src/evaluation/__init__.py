"""Scores of predictions, and the estimate of a hidden test's score."""
