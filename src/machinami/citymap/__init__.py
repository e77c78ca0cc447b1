"""The one map of the city (統合地図): layers over entities, live changes, search."""
