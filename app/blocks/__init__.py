"""What the pages are built of, one idea a file."""
