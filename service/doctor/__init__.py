"""`fasterpose doctor`: what a server would use here and why, and what is wrong. Each check is a function of its own."""
