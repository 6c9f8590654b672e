"""All SQL of the webhooks room, a module per table."""

from wherefrom.webhooks.store.deals import Deal, delete_deals, find_deals, record_deal
from wherefrom.webhooks.store.deliveries import Attempt, Delivery

__all__ = ["Attempt", "Deal", "Delivery", "delete_deals", "find_deals", "record_deal"]
