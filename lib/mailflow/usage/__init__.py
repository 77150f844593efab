"""The hosts that use a receive connector: receive logs summed up, and what they prove."""
