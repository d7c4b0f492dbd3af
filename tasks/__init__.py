"""One file = one thing in the world: observe, decide, say, act, verify."""
