"""Which principals are one: accounts that share what no two honest ones share."""
