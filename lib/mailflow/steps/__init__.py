"""The steps of the article, a file each: snapshot in, table out. Steps never fetch."""
