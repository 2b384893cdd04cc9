"""What is kept and what is learnt from it: lines, patterns, vectors, incidents."""
