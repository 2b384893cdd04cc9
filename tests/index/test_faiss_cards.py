import faiss
import numpy as np

from index.faiss_cards import LEAST_VECTORS, on_cards


def test_without_cards_even_a_large_index_stays_where_it_is() -> None:
    assert faiss.get_num_gpus() == 0, "this machine has cards and faiss-gpu: run this test without them"
    index = faiss.IndexFlatIP(1)
    index.add(np.ones((LEAST_VECTORS, 1), dtype=np.float32))
    assert on_cards(index, index.ntotal) is index
