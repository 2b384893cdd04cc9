"""From a container's log file to columns of lines: collect, receive, frame, parse."""
