"""What the tests ask of a command's words and of the pages that it writes."""

import json
from html.parser import HTMLParser

from PIL import Image


def assert_one_sentence(text):
    assert text.startswith("meshot: ")
    assert text.count("\n") == 1
    assert text.endswith(".\n")
    assert "Traceback" not in text


class Recorder:
    """A client that writes down what it is told."""

    def __init__(self):
        self.told = []

    def begin(self, stage):
        self.told.append(("begin", stage))

    def update(self, fraction, detail=""):
        self.told.append(("update", fraction, detail))

    def end(self, seconds):
        self.told.append(("end", seconds))

    def values(self, kind):
        """What came with each call of one kind."""
        return [told[1] for told in self.told if told[0] == kind]


class Page(HTMLParser):
    """Tags with their attributes, and the text, of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.words = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def colors_in(path):
    """How many colors a picture has."""
    with Image.open(path) as picture:
        return len(picture.convert("RGB").getcolors(maxcolors=10**7))


def kept(folder, name):
    """The numbers that an example has written beside a picture that is not blank."""
    assert colors_in(folder / f"{name}.png") > 50
    return json.loads((folder / f"{name}.json").read_text())
