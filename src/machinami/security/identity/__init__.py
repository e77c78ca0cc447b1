"""People, sessions and API keys of a town; the first run (trust.md 4.4)."""
