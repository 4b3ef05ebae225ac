"""Reading cells: what the values of each role must be, and what they are read as.

addresses               addresses: IP, networks, MAC, autonomous systems, ports
cache                   what a conversion caches about cells: bounded in bytes, over all columns
countries_and_products  countries under the names that they have in OpenCTI; products, their
                        versions and CPE names
dates                   dates and times, all to `YYYY-MM-DDTHH:MM:SS.mmmZ`: the form that goes into
                        ids
hashes_and_keys         hashes, SSH keys, and the parts of X.509 certificates
host_names_and_urls     host and domain names, e-mail addresses, URLs, protocols of network traffic
readers                 which parser reads the cells of each role, and reading one column: empty,
                        good or bad
text_and_tags           free text, truth values, counts; tags, severities, CVE ids, techniques;
                        invisible characters
"""
