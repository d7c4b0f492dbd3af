"""The whole story once: install, scale out, back up, lose everything, restore, compare."""
