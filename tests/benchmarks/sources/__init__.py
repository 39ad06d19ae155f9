"""How fast events are read from each system, and how fast they come into the log."""
