"""What commands do between their options and the rooms: read files, show progress, print tables."""
