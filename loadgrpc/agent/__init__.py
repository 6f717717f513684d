"""The agent: offers its machine to a broker, starts runners and relays what they report."""
