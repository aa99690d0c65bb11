"""The child process that runs one job at a time."""
