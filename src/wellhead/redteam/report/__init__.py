"""What a study found, for people and for machines: HTML, Markdown, JSON and JUnit XML."""
