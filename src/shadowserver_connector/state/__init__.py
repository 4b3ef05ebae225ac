"""What has been imported, as plain data.

imported       what has been imported: plain data, the questions asked of it, the days of a run
serialisation  the state as JSON: written for OpenCTI, read back from whatever lies there
"""
