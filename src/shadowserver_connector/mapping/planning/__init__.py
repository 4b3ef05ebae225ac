"""Planning: from a header to what is done for each row.

finding_identity  from a row to the finding that it is a sight of: whose and what, and how it is
                  today
plan              a plan: which cells belong together and what is built of them, compiled once
                  from a header
row_statistics    row statistics: what must be known of all rows before the first object is made
"""
