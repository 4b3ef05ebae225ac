"""Parsers of cells, one module for each kind of value.

A parser takes a cell that is not null and has no space around it, and returns the normalised
value, or raises `ValueError` with a short reason that says nothing of the cell's content.
Normalised means: what OpenCTI accepts, in the form in which it is one id. A value that went
through a parser comes out of it unchanged.

``find_cves``, ``find_attack_ids`` and ``split_tags`` look for values inside of a cell; finding
nothing is no error there.
"""
