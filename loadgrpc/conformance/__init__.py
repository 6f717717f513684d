"""The conformance kit: plays the agent to a runner, and says rule by rule what it kept or broke."""
