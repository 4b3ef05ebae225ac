"""The side that faces OpenCTI: registration, schedule, works."""
