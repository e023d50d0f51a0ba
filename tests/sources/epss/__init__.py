"""Tests of the EPSS scores."""
