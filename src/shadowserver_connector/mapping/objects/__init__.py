"""Building objects: what the cells of a row become in STIX.

certificates_software_urls  certificates, SSH keys, software, files, URLs, user agents: what a
                            service shows of itself, and what it was attacked with
collector                   collects the objects that some cells become: once for each distinct
                            combination of cells
context                     what holds for all rows of a report: its options, which relationships
                            are created, and the layout of each section
encoders                    objects that nearly every row creates: serialised once by example, then
                            filled in
hosts                       an address and what describes it: names, MAC, AS, country, accounts
report_and_case             the Report in its parts and the Case, as each chunk carries them
threats_and_labels          what a row names that others know too: malware, vulnerabilities, attack
                            techniques; labels
traffic                     network traffic: a service on the asset, or a flow between two parties
"""
