"""Bounded chunks of STIX objects, closed under reference.

chunk           a chunk: the STIX objects of one message, and which of them OpenCTI may have already
chunk_builder   builds chunks from findings: bounded, each id once, ordered, closed under reference
chunk_size      how many bytes findings add to a chunk, and how much fits into one
finding         what one finding adds to a bundle: serialised objects, labels, observations, a Note
large_findings  findings that fit in no chunk, divided into several that do
"""
