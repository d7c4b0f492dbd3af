"""One file = one runbook; its body is the table of contents."""
