"""Who is let in: API keys, their scopes and limits, and what may be asked where."""
