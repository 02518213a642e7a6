"""A contract proposed for a table that has none."""
