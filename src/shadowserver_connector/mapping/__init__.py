"""From a header to a plan; from a plan and a row to STIX objects."""
