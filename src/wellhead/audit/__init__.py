"""The tamper-evident record: a Merkle tree over stored lines, signed checkpoints, and their verification."""
