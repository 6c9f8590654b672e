"""Letters to our own substitutes, which show whether what is sent there arrives."""
