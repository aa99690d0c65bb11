"""Codeteam: generated code that has been run, reviewed and tested before it touches your buffer."""

__version__ = "0.1.0"
