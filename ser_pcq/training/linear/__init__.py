"""How linear recognizers are fitted and chosen."""
