"""The people a site writes to, as a whole: who did what when, sums over time, what is known of one, and forgetting."""
