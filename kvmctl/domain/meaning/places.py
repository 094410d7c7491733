"""The paths that findings carry."""


def numbered(path: str, index: int) -> str:
    """XPath's name of the element at that index, counted from 0, among its like."""
    return f"{path}[{index + 1}]" if index else path
