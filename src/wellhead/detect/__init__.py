"""Evidence about principals and groups: rules over sketches, and limits on what has been drawn."""
