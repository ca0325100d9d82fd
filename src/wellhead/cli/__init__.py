"""One file per command; each has register(subparsers) and imports nothing heavy until it runs."""
