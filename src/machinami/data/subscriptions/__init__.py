"""Subscriptions: standing queries whose notifications leave through the delivery lanes (CIM 009 5.8)."""
