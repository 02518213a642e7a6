"""From rows to a fitted pipeline on disk."""
