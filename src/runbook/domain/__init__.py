"""Pure decisions and types: standard library alone, no clock, no environment."""
