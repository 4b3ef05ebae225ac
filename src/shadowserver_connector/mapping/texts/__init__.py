"""Writing texts: Notes, the texts of Reports and Cases, explanations.

explain       how each column of a file is read, and what becomes of it, in words
markdown      text from hostile cells, made safe for a markdown table
note_columns  the columns of a report as Notes show them: order, names and wording
note_title    what a Note says to a person: its title (in STIX ``abstract``), and the first sentence
              of its text
notes         Notes: their tables (a finding as fields and values, several as rows, written as
              JSON), and which rows share a Note
report_lead   what stands first in the text of a Report and of a Case, and the findings behind it
report_text   the text of a Report: what it is, why it matters, and what is in it, in markdown
"""
