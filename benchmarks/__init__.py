"""What Wellhead costs and how well it reads, each figure measured in one run beside its peer."""
