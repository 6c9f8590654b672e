"""What the rows of several rooms say together. Reads only."""
