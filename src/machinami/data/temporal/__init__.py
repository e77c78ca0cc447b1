"""The temporal evolution of entities: kept, asked for and corrected (CIM 009 5.6.11-5.6.16, 5.7.3, 5.7.4)."""
