"""The PCQ network, a module for each block."""
