"""What has been reported before: first and last day of findings, and since when they are so.

comparison  what a report is against the history: its verdict on each row, and as a whole
database   the history's file: SQLite in a directory that one instance has for itself
day_rows   the rows of one report, by finding: sorted in memory in parts, and on disk between them
history    a history of findings: what is new in a report against those before it, and what is gone
questions  what was reported of an address, a network, a name, a weakness or a whole type, and
           how long
record     what a history knows of one finding, and what one more day adds to it
"""
