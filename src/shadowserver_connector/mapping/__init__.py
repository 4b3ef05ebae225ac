"""From a header to a plan; from a plan and a row to STIX objects.

cells/     reading cells: what the values of each role must be, and what they are read as
objects/   building objects: what the cells of a row become in STIX
planning/  planning: from a header to what is done for each row
texts/     writing texts: Notes, the texts of Reports and Cases, explanations
options    what a conversion depends on besides the report: plain values, picklable, no secrets
rows       makes findings from the rows of a report
"""
