"""Writing texts: Notes, the texts of Reports and Cases, explanations."""
