"""Shadowserver reports to STIX 2.1, for OpenCTI."""

__version__ = "0.1.0"
