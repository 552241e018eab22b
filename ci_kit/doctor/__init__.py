"""Say what is wrong with this runner, configuration, repository and workflows before a run does."""
