"""What may come from a notebook into a page: no scripts, no frames, nothing from other hosts."""

from __future__ import annotations

import html
import re

import nh3

TAGS = (
    "a abbr b blockquote br caption code col colgroup dd del details div dl dt em figcaption "
    "figure h1 h2 h3 h4 h5 h6 hr i img ins kbd li mark ol p pre q s samp small span strong sub "
    "summary sup table tbody td tfoot th thead tr u ul var"
)
MATHML = (
    "math menclose mfrac mi mmultiscripts mn mo mover mpadded mphantom mprescripts mroot mrow "
    "mspace msqrt mstyle msub msubsup msup mtable mtd mtext mtr munder munderover none"
)
MATHML_ATTRIBUTES = (
    "accent columnalign columnlines columnspacing depth display displaystyle fence form frame "
    "height largeop linebreak linethickness lspace mathbackground mathcolor mathsize mathvariant "
    "maxsize minsize movablelimits notation rowlines rowspacing rspace scriptlevel separator "
    "stretchy voffset width"
)
ATTRIBUTES = {
    **dict.fromkeys(MATHML.split(), set(MATHML_ATTRIBUTES.split())),
    "*": {"class", "id", "title", "style", "role", "aria-label", "lang", "dir"},
    "a": {"href"},
    "img": {"src", "alt", "width", "height"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
    "ol": {"start"},
    "details": {"open"},
}
# Of the styles only those that cannot cover the page or load anything.
STYLES = (
    "background background-color border border-left border-collapse border-radius color "
    "font-family font-size font-style font-weight height line-height margin max-width min-width "
    "opacity padding text-align text-decoration vertical-align white-space width"
)

# Elements without an end, or whose end may be left out.
NEST_NOT = {
    *("br", "col", "hr", "img", "input", "link", "meta", "wbr"),
    *("dd", "dt", "li", "p", "tbody", "td", "tfoot", "th", "thead", "tr"),
}
DEEPEST = 500


def _attribute(tag: str, name: str, value: str) -> str | None:
    """Return the value to keep, or None: pictures come from the page itself, links do not run."""
    value = value.strip()
    if (tag, name) == ("img", "src"):
        elsewhere = re.match(r"[a-z][a-z0-9+.-]*:|[/\\]{2}", value, re.IGNORECASE)
        return value if value.startswith("data:image/") or not elsewhere else None
    if (tag, name) == ("a", "href"):
        return None if value.lower().startswith("data:") else value
    if name == "style" and re.search(r"url\s*\(|image\s*\(|expression|@import|\\", value, re.I):
        return None
    return value


CLEANER = nh3.Cleaner(
    tags={*TAGS.split(), *MATHML.split()},
    clean_content_tags={"script", "style"},
    attributes=ATTRIBUTES,
    attribute_filter=_attribute,
    url_schemes={"http", "https", "mailto", "data"},
    filter_style_properties=set(STYLES.split()),
    link_rel=None,
)


class NestingError(ValueError):
    """HTML in which more elements are within each other than a browser would show."""


def clean(markup: str) -> str:
    """Return HTML with everything removed that runs, loads from other hosts or covers the page.

    Raises:
        NestingError: elements within elements, hundreds deep; to clean them would take for ever.
    """
    depth = 0
    for end, name in re.findall(r"<(/?)([a-z][a-z0-9]*)", markup, re.IGNORECASE):
        if name.lower() not in NEST_NOT:
            depth = max(0, depth - 1) if end else depth + 1
        if depth > DEEPEST:
            raise NestingError(f"more than {DEEPEST} HTML elements are within each other.")
    # A head without words is no head: a screen reader would read it out with each cell.
    return re.sub(r"<th(\b[^>]*)>\s*</th>", r"<td\1></td>", CLEANER.clean(markup))


def one_line(markup: str) -> str:
    """Return HTML as one line that Markdown and mdBook's `{{#…}}` leave alone.

    An HTML block of Markdown ends at the first blank line, also inside `<pre>`.
    """
    markup = re.sub(
        r"<pre\b.*?</pre>",
        lambda found: found[0].replace("\r", "").replace("\n", "&#10;"),
        markup,
        flags=re.DOTALL,
    )
    return re.sub(r"\s*[\r\n]+\s*", " ", markup).replace("{{", "&#123;&#123;")


def preformatted(text: str, kind: str) -> str:
    """Return text as it is, escaped, in a box of class `kind` that the keyboard can scroll."""
    return f'<pre class="{kind}" tabindex="0">{html.escape(text)}</pre>'
