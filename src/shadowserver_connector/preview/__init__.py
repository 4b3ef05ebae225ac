"""Reports as one HTML page that needs no network: hosts, findings, charts, and the STIX graph.

columns        columns that store each distinct value once, packed for the page
days_compared  the reports of several days, compared
page           one HTML file that contains everything, data, style and script, and fetches nothing
page_data      from reports on disk to the data of the page, in memory bounded by the findings shown
stix_objects   the STIX objects of the page, each once
table_rows     the findings of the page, and what they are counted and filtered by
"""
