"""Planning: from a header to what is done for each row.

finding_identity  from a row to its finding: the identity (whose and what), and the state today; and
                  to its subject
highlights        the few findings that a Report names, selected while its rows are counted: the
                  worst, the worst new ones, and those open longest
plan              a plan: which cells belong together and what becomes of them, compiled once from a
                  header
row_statistics    row statistics: what must be known of all rows before the first object is made
"""
