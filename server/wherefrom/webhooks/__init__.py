"""Facts leave for other systems: endpoints, deliveries, attempts."""
