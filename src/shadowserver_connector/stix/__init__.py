"""STIX 2.1 objects as OpenCTI reads them: deterministic ids and constructors of plain dicts.

ids             the id of every type, equal to the platform's own
origin          who says so, and who may read it: author, TLP markings, constants
observables     addresses, names, URLs, files, certificates, accounts, network traffic
shared_objects  what other sources know too: CVEs, malware, countries, AS, software, indicators
containers      Report, Case Incident, Note, Observed-Data
relationships   between any of these
"""
