"""The web page: every screen rendered here, on the server, so that all of it works without any JavaScript."""
