"""Brings data sets of other tools into the layout of the project."""
