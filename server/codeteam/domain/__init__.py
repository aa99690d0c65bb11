"""The words of Codeteam as frozen dataclasses; standard library only."""
