"""How well would a pool do? Traffic, recorded or made up, played through the real lending and attribution."""
