"""How good Dejalog is, measured over labelled data by the real write and ask paths: `dejalog eval`."""
