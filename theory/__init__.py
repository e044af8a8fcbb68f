"""Definitions and derivations, in SymPy: what is claimed, and what follows from the layers' definitions."""
