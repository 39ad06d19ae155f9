"""Analytics and reporting for event-sourced systems: a state is the fold of events up to a moment."""
