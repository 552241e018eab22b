"""The one way to the forge: comments on pull requests, and the history of Results."""
