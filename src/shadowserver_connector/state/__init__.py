"""What has been imported, as plain data.

serialisation  the state as JSON: written for OpenCTI, and read back from whatever is there
state          what has been imported: plain data, the queries on it, the days of a run
"""
