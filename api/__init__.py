"""Retrieval, answers, and the ways in: command line and HTTP."""
