"""Settings: YAML, .env, environment, defaults, in that order."""
