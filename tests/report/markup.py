"""A page taken apart: tags, addresses, words."""

import base64
from html.parser import HTMLParser


class Reader(HTMLParser):
    """Tags with their attributes, the addresses they load or link to, and the text."""

    def __init__(self):
        super().__init__()
        self.tags, self.addresses, self.words = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.addresses += [value for name, value in attrs if name in ("src", "href", "srcset", "action", "data")]

    def handle_data(self, data):
        self.words.append(data)


def read(text):
    reader = Reader()
    reader.feed(text)
    reader.close()
    return reader


def data_of(address):
    """What an address that holds its data holds."""
    return base64.b64decode(address.partition(";base64,")[2])
