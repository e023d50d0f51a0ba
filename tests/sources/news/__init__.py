"""Tests of the news feeds."""
