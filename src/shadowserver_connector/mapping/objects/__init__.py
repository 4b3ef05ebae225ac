"""Building objects: what the cells of a row become in STIX."""
