"""The parts of the HTTP door: which addresses, how often, how many bytes, and what is no document."""
