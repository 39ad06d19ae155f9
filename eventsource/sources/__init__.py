"""Where events come from: one module a kind of store, chosen by the URL."""
