"""Tests of the release feeds."""
