"""Texts of the shop."""


def slug(text: str) -> str:
    """Lower-case words of the text, joined by hyphens; `slug('Hello World') == 'hello-world'`."""
    ...


GREETING = "¡hola! 😀"
