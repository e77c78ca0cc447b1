"""NGSI-LD (ETSI GS CIM 009 V1.9.1): contexts, entities, queries, subscriptions - documents in, kernel types out, and back."""
