"""Tests of the scripts that deliver, without kubectl and without a cluster."""
