"""Planning: from a header to what is done for each row.

finding_identity  from a row to the finding that it is a sight of: whose and what, and how it is
                  today
highlights        the worst of a report's findings, picked while its rows are counted
over_time         what a Report says of findings over time: the worst that are new, and those open
                  longest
plan              A plan: which cells belong together and what is built of them, compiled once from
                  a header
row_statistics    row statistics: what must be known of all rows before the first object is made
subjects          whom a row is about: its primary address, or else its URL, account or name
"""
