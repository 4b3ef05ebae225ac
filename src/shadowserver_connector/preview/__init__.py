"""Reports as one HTML page that needs no network: charts, findings, and the STIX graph."""
