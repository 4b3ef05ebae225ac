"""Writing texts: Notes, the texts of Reports and Cases, explanations.

explain       how each column of a file is read, and what becomes of it, in words
markdown      text from hostile cells, made safe to stand in a markdown table
note_columns  the columns of a report as Notes show them: order, name, words
note_wording  what a Note says to a person: its title, and its first sentence
note_writers  which rows share a Note, and what it is called and says
notes         notes: a finding, or a host's findings, as a markdown table, written as JSON
report_lead   what stands first in the text of a Report and of a Case, and the findings behind it
report_text   the text of a Report: what it is, why it matters, and what is in it, in markdown
"""
