"""What the tests ask of a command's words and of the pages that it writes."""

from html.parser import HTMLParser


def assert_one_sentence(text):
    assert text.startswith("meshot: ")
    assert text.count("\n") == 1
    assert text.endswith(".\n")
    assert "Traceback" not in text


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
