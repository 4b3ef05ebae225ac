"""OpenCTI's side: registration, schedule, works, state."""
