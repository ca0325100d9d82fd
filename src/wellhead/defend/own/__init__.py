"""Was a model trained on our marked answers? The test, what was promised before it, and its verdict."""
