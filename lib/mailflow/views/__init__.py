"""What people look at, a file each: snapshot in, table or verdict out. Views never fetch."""
