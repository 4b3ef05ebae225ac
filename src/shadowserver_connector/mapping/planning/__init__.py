"""Planning: from a header to what is done for each row.

finding_identity  which finding a row belongs to, and the state of that finding
highlights        the few findings that a Report names, selected while its rows are counted: the
                  worst, the worst new ones, and those open longest
plan              a plan: which cells belong together and what becomes of them, compiled once from a
                  header
row_statistics    counts over all rows of a report, which must be known before the first object is
                  made
subjects          whom a row is about: the primary address, or else its URL, account or name
"""
