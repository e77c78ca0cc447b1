"""Shared vocabulary of every layer: plain types and pure functions, standard library only."""
