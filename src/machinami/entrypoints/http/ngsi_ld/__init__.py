"""The NGSI-LD API under `/ngsi-ld/v1` (GS CIM 009 V1.9.1, clause 6)."""
