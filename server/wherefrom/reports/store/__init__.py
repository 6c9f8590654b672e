"""All SQL of the reports room: what rows of other rooms say together, and the sums that are kept of them."""
