"""Judges the host it runs on. Standard library only and nothing else of the project, so that it can be copied alone."""
