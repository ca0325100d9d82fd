"""The central idea: what each caller could rebuild of the model from the answers it was given."""
