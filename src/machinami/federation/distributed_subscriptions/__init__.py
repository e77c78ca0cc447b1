"""Subscriptions at context sources on behalf of our subscribers (CIM 009 5.8.1.4, 5.8.6): copies are kept as they should be."""
