"""What the tests ask of a command's words and of the pages that it writes."""

import base64
import json
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from meshot.base.errors import MeshReadError


def assert_one_sentence(text):
    assert text.startswith("meshot: ")
    assert text.count("\n") == 1
    assert text.endswith(".\n")
    assert "Traceback" not in text


def names(folder):
    """What a folder holds."""
    return {path.name for path in folder.iterdir()}


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


def refusal(read, path):
    """The error with which a file is refused: in one line, with its path and the cause."""
    with pytest.raises(MeshReadError) as caught:
        read()
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return caught.value


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


def unpacked(text, kind, columns=3):
    """Rows of numbers out of a page."""
    return np.frombuffer(base64.b64decode(text), kind).reshape(-1, columns)


def kept(folder, name):
    """The numbers that an example has written beside a picture that is not blank."""
    assert colors_in(folder / f"{name}.png") > 50
    return json.loads((folder / f"{name}.json").read_text())
