"""A server that behaves as the Reports API does, with reports made from a seed."""
