"""Errors and their four parts."""

from relucvx.errors import InvalidInputError, explain


def test_an_explanation_keeps_its_parts():
    import copy
    import pickle

    text = explain("a", "b", fix="d")
    assert text == "expected a; received b; try: d."
    for same in (text, copy.deepcopy(text), pickle.loads(pickle.dumps(text))):
        assert same.parts == ("a", "b", "", "d")
    assert InvalidInputError(text).explanation is text
    assert InvalidInputError("plain").explanation is None
