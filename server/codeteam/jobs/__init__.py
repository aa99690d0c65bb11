"""Where jobs run and what is remembered of them; knows nothing of agents."""
