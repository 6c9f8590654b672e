"""All SQL of the substitution room, a module per table."""

from wherefrom.substitution.store.habits import find_habits
from wherefrom.substitution.store.leases import Holder, find_holders
from wherefrom.substitution.store.substitutes import Substitute, list_pool_keys
from wherefrom.substitution.store.targets import list_pool_sites, list_targets

__all__ = ["Holder", "Substitute", "find_habits", "find_holders", "list_pool_keys", "list_pool_sites", "list_targets"]
