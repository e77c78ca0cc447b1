"""The one guard of everything that leaves by HTTP (trust-N16, context-broker.md B9)."""
