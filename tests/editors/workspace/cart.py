"""The cart."""

# TODO: add put(cart, thing), which answers the cart with the thing
