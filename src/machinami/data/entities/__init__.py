"""The context broker's entity core: what a write does to an entity, decided without I/O (CIM 009 5.6)."""
