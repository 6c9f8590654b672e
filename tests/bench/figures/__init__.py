"""What benchmarks hand in, who runs them all, and where the figures go: see ``row`` for the shape."""

from tests.bench.figures.row import Row, add_json_option, hand_in

__all__ = ["Row", "add_json_option", "hand_in"]
