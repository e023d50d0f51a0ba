"""Stored state as the shapes that CONTRACT.md promises; shared by command line, API and documents."""
