"""What has been reported: first and last day of each finding, and since when it is unchanged.

comparison       a report compared with the history, as a whole and by row
database         the history's file: SQLite in a directory that belongs to one instance
history          a history of findings: what is new in a report compared with earlier ones, and what
                 is gone
identified_rows  the rows of one report, by finding: sorted in memory in parts, and on disk between
                 them
questions        what was reported about an address, a network, a name, a weakness or a whole type,
                 and when
record           what a history knows about one finding, and what one more day adds to it
verdicts         whether a finding is new, changed, recurring or resurfaced, and what follows for
                 its rows
"""
