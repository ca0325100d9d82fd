import msgspec

from wellhead.serve.scan_words import Question, Scanned


def test_what_is_said_is_plain_json():
    assert msgspec.json.decode(msgspec.json.encode(Scanned()))["findings"] == []


def test_a_question_needs_only_logs():
    assert Question(logs=("x",)).promise is None
