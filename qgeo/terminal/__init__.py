"""What commands do between their options and the packages below: read files, show progress, print tables."""
