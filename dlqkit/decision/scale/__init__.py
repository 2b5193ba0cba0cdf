"""Signatures and classes of any number of dead letters: folded and counted in the engine, judged here."""
