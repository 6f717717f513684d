"""The conformance kit: plays the agent for a runner, and reports which rules it kept or broke."""
