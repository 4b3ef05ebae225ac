"""Planning: from a header to what is done for each row."""
