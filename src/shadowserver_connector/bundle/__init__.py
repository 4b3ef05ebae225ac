"""Bounded chunks of STIX objects, closed under reference.

chunk           a chunk: STIX objects that make up one message, and what of them OpenCTI may have
                already
chunk_builder   from findings to chunks: bounded, merged by id, ordered, closed under reference
finding         what one finding adds to a bundle: serialised objects, labels, observations, a Note
large_findings  findings that fit in no chunk, divided into several that do
"""
