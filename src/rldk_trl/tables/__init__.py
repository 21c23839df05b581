"""Tables of what the matrix's cells have seen: one data file, and the pages of docs/ that are made from it."""
