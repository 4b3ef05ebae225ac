"""Reports as one HTML page that needs no network: hosts, findings, charts, and the STIX graph.

columns        columns whose values stand once, packed for the page
days_compared  the reports of several days against each other
page           one HTML file with everything in it: data, style, script, and nothing fetched from
               anywhere
page_data      from reports on disk to the data of the page, in memory bounded by the findings shown
stix_objects   the STIX objects of the page, each once
table_rows     the findings of the page, and what they are counted and filtered by
"""
