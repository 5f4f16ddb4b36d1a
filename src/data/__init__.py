"""From the user's folders to frames: tables, photos, masks, recordings, what is held out."""
