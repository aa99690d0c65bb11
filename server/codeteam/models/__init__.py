"""The models: opened by their specs, counted, tried again, and the ones that run on this machine."""
