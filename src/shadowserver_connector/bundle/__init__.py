"""Bounded chunks of STIX objects, closed under reference.

chunk            a chunk: the STIX objects of one message, and which of them OpenCTI may have
                 already
chunk_builder    builds chunks from findings: bounded, each id once, ordered, closed under reference
finding_objects  what one finding adds to a bundle (serialised objects, labels, observations, a
                 Note), how many bytes that is, and how much fits into a chunk
large_findings   findings that fit in no chunk, divided into several that do
"""
