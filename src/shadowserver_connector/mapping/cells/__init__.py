"""Reading cells: what the values of each role must be, and what they are read as."""
