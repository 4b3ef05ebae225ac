"""Reading cells: what the values of each role must be, and what they are read as.

addresses        addresses: IP, networks, MAC, autonomous systems, ports
cache            what a conversion caches about cells: bounded in bytes, over all columns
countries        countries, under the names that they have in OpenCTI
dates            dates and times, all to `YYYY-MM-DDTHH:MM:SS.mmmZ`: the form that goes into ids
free_text        free text, truth values, counts; empty cells; invisible characters
hashes_and_keys  hashes, SSH keys, and the parts of X.509 certificates
host_names       host and domain names, hosts of requests, e-mail addresses
products         products, their versions and CPE names
readers          which parser reads the cells of each role, and reading one column: empty, good or
                 bad
tags             tags, severities, CVE ids and ATT&CK techniques
urls             URLs, whole or assembled from their parts, and protocols of network traffic
"""
