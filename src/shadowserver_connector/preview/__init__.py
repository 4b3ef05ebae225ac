"""Reports as one HTML page that needs no network: charts, findings, and the STIX graph.

counts      the pass over all findings: what the charts show, in bounded memory
page        one HTML file with everything in it: data, styles, scripts, and nothing fetched from
            anywhere
page_data   from reports on disk to the data of the page, in memory bounded by the findings shown
table_rows  the findings of the page's table, and what they are counted and filtered by
"""
