"""Row: how long retention thinks about very many points."""
