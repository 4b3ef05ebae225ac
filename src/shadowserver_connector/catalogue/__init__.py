"""Knowledge as data: columns and their roles, report types and their meaning.

The data itself is in ``data/``: what a column or a report type means is stated there.

catalogue  what the catalogue says about report types and their columns, and how a name is looked up
check      what must hold for a catalogue as a whole; each violation names its file and entry
columns    how a column is read, the roles that it can have, what its cells are for a finding
entry      a table in a data file: its fields, each taken once and checked
loader     reads the catalogue's data files into a catalogue
"""
