"""Tests of the library, the scripts and the sample."""
