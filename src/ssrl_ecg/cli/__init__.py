"""The command line: words become objects, one call does the work, and what it found is printed or written."""
