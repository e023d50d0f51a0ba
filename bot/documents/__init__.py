"""Documents for other tools, derived from the stored state: OSV, CSAF 2.0 VEX and OpenVEX.

Each says that it is derived, links the vendor's own document first, and names the licence of what it is made of.
"""
