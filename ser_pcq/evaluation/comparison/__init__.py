"""Whether one system is better than another, or could be by chance."""
