"""Who uses a receive connector: receive logs summed up, and what may be concluded from them."""
