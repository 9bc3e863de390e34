"""One chapter of the matrix a file; each has run(stage)."""
