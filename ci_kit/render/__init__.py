"""Results as Markdown, HTML and terminal text: pure functions."""
