"""STIX 2.1: deterministic ids and object constructors."""
