"""Where witnesses meet: the only room that compares what is stated, derived and observed."""
