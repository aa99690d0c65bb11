"""The commands of `codeteam`, one file each."""
