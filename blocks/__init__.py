"""What the operator configures: settings and references to secrets in, a connection out."""
