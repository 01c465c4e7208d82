"""What models say of themselves: licences, the metadata of graphs, and a list to choose from."""
