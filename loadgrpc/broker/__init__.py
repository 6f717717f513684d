"""The broker: owns runs, hands work to agents, merges and stores what they measure."""
