"""How this project measures itself; no notebook needs it."""
