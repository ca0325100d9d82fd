"""Contract checks for components: ours and plugin authors' pass the same."""
