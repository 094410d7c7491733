"""Documents with mistakes in them."""

from hypothesis import strategies as st
from lxml import etree

from tests.domain.documents import FULL


@st.composite
def changed_documents(draw: st.DrawFn) -> str:
    """The full document after a few changes, most of which are mistakes."""
    root = etree.fromstring(FULL)
    words = st.sampled_from(
        ["", "0", "1", "-1", "pty", "file", "tcp", "none", "on", "/x", "x", "MiB", "q35", "utc", "a\nb"]
    )
    for _ in range(draw(st.integers(1, 4))):
        nodes = [node for node in root.iter("*") if node is not root]
        if not nodes:
            break
        node = draw(st.sampled_from(nodes))
        parent = node.getparent()
        match draw(st.sampled_from(["drop", "copy", "move", "rename", "text", "attribute", "strip"])):
            case "drop":
                parent.remove(node)
            case "copy":
                parent.append(etree.fromstring(etree.tostring(node, with_tail=False)))
            case "move":
                parent.insert(0, node)
            case "rename":
                node.tag = draw(st.sampled_from(["serial", "console", "source", "disk", "title", "foo"]))
            case "text":
                node.text = draw(words)
            case "attribute":
                name = draw(st.sampled_from([*node.attrib, "type", "path", "model", "append", "port", "foo"]))
                node.set(name, draw(words))
            case "strip" if node.attrib:
                del node.attrib[draw(st.sampled_from(sorted(node.attrib)))]
    return etree.tostring(root, encoding="unicode")
