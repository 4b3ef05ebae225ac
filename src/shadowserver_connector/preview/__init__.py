"""Reports as one HTML page that needs no network: hosts, findings, charts, and the STIX graph.

page           one HTML file that contains everything, data, style and script, and fetches nothing
page_data      from reports on disk to the data of the page: the findings shown, and STIX objects,
               each once
page_findings  the findings of the page's table: facets to filter by, and what differs between days
"""
