"""Letters come in and are matched to visits."""
