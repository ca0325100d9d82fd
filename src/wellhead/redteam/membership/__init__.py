"""Was this row in the training set? Attacks that tell, and how well they told."""
