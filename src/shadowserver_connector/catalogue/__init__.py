"""Knowledge as data: columns and their roles, report types and their meaning.

catalogue  what the catalogue says of columns and report types, and how a name is looked up
check      what must hold in a catalogue as a whole; each breach names its file and entry
loader     reads the catalogue's data files into a catalogue
"""
