"""Tests of the scripts that talk to GitHub, against a `gh` that answers from a table."""
