"""Letters and their files in the database too, where several hosts share that and nothing else."""
