"""Reads the user's data: tables, photos, masks and depth; recordings, and the frames that are held out."""
