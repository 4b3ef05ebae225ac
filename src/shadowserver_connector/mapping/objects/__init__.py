"""Building objects: what the cells of a row become in STIX.

certificates       X.509 certificates and SSH keys: what a service proves its identity with
collector          what some cells of a row become, created once for each distinct combination of
                   cells
hosts              an address and what describes it: names, MAC, AS, country, accounts
links              which relationships a report creates: those configured, and those that nothing
                   else expresses
report_and_case    the Report in its parts and the Case, as each chunk carries them
section_layout     what the cells of a section are, the same for every row: nothing here depends on
                   the row
software_and_urls  software, files, URLs and requests, user agents: what answers and what was
                   attacked with
templates          objects that nearly every row creates: serialised once by example, then filled in
threats            what a row names that others know too: malware, vulnerabilities, attack
                   techniques; labels
traffic            network traffic: a service on the asset, or a flow between two parties
"""
