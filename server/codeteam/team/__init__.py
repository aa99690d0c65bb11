"""The team of agents, their order, prompts and models."""
