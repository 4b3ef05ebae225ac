"""Writing texts: Notes, the texts of Reports and Cases, explanations.

explain      how each column of a file is read, and what becomes of it, in words
markdown     text from hostile cells, made safe to stand in a markdown table
notes        notes: a finding, or a host's findings, as a markdown table, written as JSON
report_text  the text of a Report: what it is, why it matters, and what is in it, in markdown
"""
