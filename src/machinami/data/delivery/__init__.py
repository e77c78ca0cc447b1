"""Delivery lanes: notifications leave in order, at least once, and no receiver slows another (trust-N5, N6, N10)."""
