"""Getting a corpus from its official record: transfer, resume, checksum, unpacking."""
