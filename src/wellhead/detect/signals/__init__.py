"""One detector a file: each reads one number a principal from the sketches."""
