"""A server that behaves as the Reports API does, with reports made from a seed.

cells                cells made from the words of ``together``
faults               faults on demand: what the simulator does wrong, where, and how often
generate             reports made from the catalogue and a seed: any type, any size, never held in
                     memory
hostile              cells that try to break whoever reads, shows or forwards them
identities           invented SSH keys and files: only the values that reports contain
makers               how cells are made from a number, by the role of their column
methods              the methods of the Reports API over a store, without HTTP
numbered_hosts       the hosts that generated reports are about: addresses and names by number
places               who and where the hosts of generated reports are: systems, places, industries.
                     Data only
profiles             which reports a simulated Shadowserver has, and the store that makes them when
                     asked for
requests             the requests that the simulator received, for tests and benchmarks to count
sample_certificates  invented certificates: only the values that reports contain
scene                what is fixed for one generated report
server               the simulated Reports API over HTTP, on this machine only
services             services that generated reports find: their ports, transports and weaknesses.
                     Data only
store                what the simulator serves: the reports of some days, each with its content
together             words for the cells of generated reports that must agree within a row
values               what a generated cell holds: by the role of its column, for one report
vocabulary           the words that generated reports are made of. Data only; all of it invented or
                     reserved
"""
