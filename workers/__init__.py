"""When each nearline step runs."""
