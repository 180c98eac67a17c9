"""A block as a picture, made from runs of itself: the flow of its tensors, and what its relations relate.

``draw`` draws a spec; ``draw_example`` draws what the catalogue shows of a kind.
"""

from nlblocks.drawing.draw import draw, draw_example

__all__ = ["draw", "draw_example"]
