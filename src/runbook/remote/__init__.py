"""Effects: one module per protocol; library exceptions become the errors of the domain here."""
