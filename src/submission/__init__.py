"""The competition's zip: written, checked, read and scored."""
