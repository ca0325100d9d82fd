"""The words: pure records with no dependency but msgspec and numpy."""
