"""Bounded chunks of STIX objects, closed under reference."""
