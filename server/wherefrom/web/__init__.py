"""What every room needs to speak HTTP: requests in, responses out, the management API's frame."""
