"""Values of many places."""

from hypothesis import strategies as st

from kvmctl.domain.units import KIB


def _allowed(character: str) -> bool:
    """XML 1.0, production 2: Char."""
    return character in "\t\n\r" or (character >= " " and character not in "\ufffe\uffff")


CHARACTERS = st.characters(exclude_categories=("Cs",)).filter(_allowed)
ONE_LINE = st.text(CHARACTERS.filter(lambda character: character != "\n"), min_size=1, max_size=20)
NAMES = ONE_LINE.filter(lambda name: name.strip() and "/" not in name and not name.startswith("."))
TEXTS = st.text(CHARACTERS, min_size=1, max_size=30)
PATHS = st.text(CHARACTERS.filter(lambda character: character not in "\n\r"), min_size=1, max_size=20).map(
    "/".__add__
)
SWITCHES = st.none() | st.booleans()
ALIASES = st.text("abcXYZ019_.-", min_size=1, max_size=10)
INTERFACE_NAMES = st.text("abXY09_.-", min_size=1, max_size=15)
LIFECYCLE = st.sampled_from(["destroy", "restart", "preserve"])
SIZES = st.integers(1, 2**54 - 1).map(lambda kib: kib * KIB)
