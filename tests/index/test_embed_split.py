import threading
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.embed_devices import load_embedder
from index.embed_minilm import MiniLMEmbedder
from index.embed_split import SplitEmbedder, shares
from index.vector import Embedder, Vectors

TEXTS = [f"connection {number} to {'payment ' * (number % 9)}refused" for number in range(23)] + [""]


class Device:
    """The real model, as one device of several; lost after `good` calls."""

    name = MiniLMEmbedder.name
    dimensions = MiniLMEmbedder.dimensions

    def __init__(self, model: Embedder, good: int = 1000) -> None:
        self._model = model
        self._good = good
        self.texts: list[str] = []

    def embed(self, texts: Sequence[str]) -> Vectors:
        if not self._good:
            raise RuntimeError("CUDA error: device is lost")
        self._good -= 1
        self.texts += texts
        return self._model.embed(texts)


class MeetingDevice(Device):
    """Goes on only when the others have begun, too."""

    def __init__(self, model: Embedder, meeting: threading.Barrier) -> None:
        super().__init__(model)
        self._meeting = meeting

    def embed(self, texts: Sequence[str]) -> Vectors:
        self._meeting.wait(30)
        return super().embed(texts)


@pytest.fixture(scope="module")
def model() -> Embedder:
    return MiniLMEmbedder.load(threads=1)


@pytest.fixture(scope="module")
def whole(model: Embedder) -> Vectors:
    return model.embed(TEXTS)


@given(st.lists(st.text(max_size=40), max_size=60), st.integers(1, 9))
def test_every_text_is_in_one_share_and_shares_are_alike(texts: list[str], parts: int) -> None:
    dealt = shares(texts, parts)
    assert sorted(row for share in dealt for row in share) == list(range(len(texts)))
    assert len(dealt) == min(parts, len(texts))
    weights = [sum(len(texts[row]) for row in share) for share in dealt]
    assert not weights or max(weights) - min(weights) <= 2 * max(map(len, texts))
    assert not dealt or max(map(len, dealt)) - min(map(len, dealt)) <= 1


@pytest.mark.parametrize("count", [1, 2, 3, 40], ids="{} devices".format)
def test_vectors_are_those_of_one_device_however_many_there_are(model: Embedder, whole: Vectors, count: int) -> None:
    devices = [Device(model) for _ in range(count)]
    assert np.array_equal(SplitEmbedder(devices).embed(TEXTS), whole)
    assert sorted(text for device in devices for text in device.texts) == sorted(TEXTS)


def test_devices_work_at_the_same_time(model: Embedder, whole: Vectors) -> None:
    meeting = threading.Barrier(3)
    split = SplitEmbedder([MeetingDevice(model, meeting) for _ in range(3)])
    assert np.array_equal(split.embed(TEXTS), whole)


def test_the_share_of_a_device_that_is_lost_is_done_by_the_others(model: Embedder, whole: Vectors) -> None:
    devices = [Device(model), Device(model, good=0), Device(model, good=1)]
    split = SplitEmbedder(devices)
    assert np.array_equal(split.embed(TEXTS), whole)
    assert np.array_equal(split.embed(TEXTS), whole)


def test_when_every_device_is_lost_the_failure_is_told(model: Embedder) -> None:
    with pytest.raises(RuntimeError, match="device is lost"):
        SplitEmbedder([Device(model, good=0), Device(model, good=0)]).embed(TEXTS)


def test_devices_of_two_models_are_no_embedder(model: Embedder) -> None:
    other = Device(model)
    other.name = "another"
    with pytest.raises(ValueError, match="one model"):
        SplitEmbedder([Device(model), other])
    with pytest.raises(ValueError, match="one model"):
        SplitEmbedder([])


def test_without_cards_the_processor_embeds_and_a_warning_says_so(
    whole: Vectors, capsys: pytest.CaptureFixture[str]
) -> None:
    embedder = load_embedder("gpu", threads=1, cache=None)
    assert isinstance(embedder, MiniLMEmbedder), "this machine has cards and the extra: run this test without them"
    assert "embed.on_processor" in capsys.readouterr().out
    assert np.array_equal(embedder.embed(TEXTS), whole)
