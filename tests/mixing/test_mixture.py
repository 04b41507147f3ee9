"""Mixtures: means of probabilities, in whatever way a text is cut; weights fitted and saved."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import litteragpt
from litteragpt.architectures.decoder import Decoder, DecoderConfig
from litteragpt.architectures.lstm import LSTM, LSTMConfig
from litteragpt.cli import main
from litteragpt.evaluation import evaluate_text
from litteragpt.generation.text import TextModel
from litteragpt.mixing.counts import CountModel
from litteragpt.mixing.folder import count, mixed, save
from litteragpt.mixing.mixture import ByConfidence, Mixture, classes, evenly, fitted
from litteragpt.tokenizers import CharTokenizer
from litteragpt.weights import CheckpointError
from tests.tiny import save_tiny

TOKENIZER = CharTokenizer.from_text("\n abcdefgh")
V = TOKENIZER.vocab_size
TEXT = "".join(np.random.default_rng(3).choice(list("abc \n"), 1_500)) + "habcd" * 300


def net(build: type[Decoder] | type[LSTM] = Decoder, seed: int = 0) -> Decoder | LSTM:
    torch.manual_seed(seed)
    model = (
        Decoder(DecoderConfig(vocab_size=V, context=8, layers=1, width=8, heads=1, hidden=8))
        if build is Decoder
        else LSTM(LSTMConfig(vocab_size=V, context=8, width=4, hidden=6))
    )
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return model.eval()


def text_model(model: Any = None) -> TextModel:
    return TextModel(model or net(), TOKENIZER, name="net")


def counts() -> CountModel:
    return CountModel.of_text(TOKENIZER.encode_array(TEXT)[0], order=3, vocab_size=V)


def random_ids(rows: int, length: int) -> Tensor:
    return torch.randint(0, V, (rows, length), generator=torch.Generator().manual_seed(1))


def by_confidence() -> ByConfidence:
    shares = torch.linspace(0, 1, 9, dtype=torch.float64).view(3, 3)
    return ByConfidence(shares, (0.2, 0.4))


@torch.inference_mode()
def test_an_ensemble_is_the_mean_of_probabilities() -> None:
    parts = [net(), net(LSTM), counts()]
    logits, state = Mixture(parts, evenly)(random_ids(2, 7))
    assert state is None
    expected = sum(part(random_ids(2, 7))[0].softmax(-1) for part in parts) / 3
    torch.testing.assert_close(logits.exp(), expected)


@torch.inference_mode()
def test_weights_by_confidence_are_those_of_the_table() -> None:
    weigh = by_confidence()
    logits, _ = Mixture([net(), counts()], weigh)(random_ids(2, 7))
    first, second = (part(random_ids(2, 7))[0].softmax(-1) for part in (net(), counts()))
    seen = set()
    for row in range(2):
        for place in range(7):
            sure = [sum(edge < p[row, place].max() for edge in (0.2, 0.4)) for p in (first, second)]
            share = weigh.shares_IJ[int(sure[0]), int(sure[1])].item()
            seen.add(share)
            expected = (1 - share) * first[row, place] + share * second[row, place]
            torch.testing.assert_close(logits[row, place].exp(), expected)
    assert len(seen) > 2


@pytest.mark.parametrize("pieces", [[1] * 12, [5, 1, 6]])
@torch.inference_mode()
def test_steps_and_chunks_equal_one_forward(pieces: list[int]) -> None:
    mixture, ids_BT = Mixture([net(), counts()], by_confidence()), random_ids(3, 12)
    state: Any = mixture.initial_state(3)
    read = []
    for piece in ids_BT.split(pieces, 1):
        logits, state = mixture(piece, state)
        read.append(logits)
    torch.testing.assert_close(torch.cat(read, 1), mixture(ids_BT)[0], atol=1e-5, rtol=1e-5)
    rows = [2, 0]
    after, _ = mixture(ids_BT[rows, :1], mixture.select_rows(state, rows))
    whole = torch.cat([ids_BT, ids_BT[:, :1]], 1)[rows]
    torch.testing.assert_close(after[:, 0], mixture(whole)[0][:, -1], atol=1e-5, rtol=1e-5)


def test_fitted_shares_beat_their_neighbours() -> None:
    """In each class of many places, no other share makes the text likelier."""
    generator = torch.Generator().manual_seed(0)
    log_p = torch.rand(2, 20_000, generator=generator).log()
    kinds = torch.randint(0, 2, (2, 20_000), generator=generator)
    log_p[1] += 0.3 * (kinds.sum(0) - 1)  # where both are sure, the second model is better
    weigh = fitted(log_p, kinds, (0.5,), rounds=300)
    for i in range(2):
        for j in range(2):
            here = log_p[:, (kinds[0] == i) & (kinds[1] == j)].double().exp()
            best = weigh.shares_IJ[i, j].item()
            nats = [
                -((1 - share) * here[0] + share * here[1]).log().mean().item()
                for share in (best - 0.02, best, best + 0.02)
            ]
            assert nats[1] == min(nats)
    assert weigh.shares_IJ[1, 1] > weigh.shares_IJ[0, 1] > weigh.shares_IJ[0, 0]


def test_a_class_without_places_takes_the_share_of_all() -> None:
    log_p = torch.tensor([[-1.0] * 50, [-1.5, -0.2] * 25])
    weigh = fitted(log_p, torch.zeros(2, 50, dtype=torch.long), (0.5,))
    assert weigh.shares_IJ[1, 1].item() == pytest.approx(weigh.shares_IJ[0, 0].item(), abs=1e-2)
    assert 0 < weigh.shares_IJ[0, 0] < 1


def test_classes_are_told_by_the_likeliest() -> None:
    log_p = torch.tensor([[0.1, 0.9], [0.5, 0.5], [0.31, 0.69]]).log()
    assert classes(log_p, (0.6, 0.8)).tolist() == [2, 0, 1]


def test_counted_mixed_saved_and_read_again(tmp_path: Path) -> None:
    lm = text_model()
    mixture = count(lm, TEXT, order=3, held_out=0.2)
    save(tmp_path / "mix", mixture, lm)
    assert {path.name for path in (tmp_path / "mix").iterdir()} == {
        "config.json",
        "counts.safetensors",
    }
    again = mixed(lm, tmp_path / "mix")
    torch.testing.assert_close(
        again.model(random_ids(2, 9))[0], mixture(random_ids(2, 9))[0], atol=1e-4, rtol=1e-4
    )
    alone, both = evaluate_text(lm, TEXT[-400:]), evaluate_text(again, TEXT[-400:])
    assert both.nats_per_char < alone.nats_per_char - 0.5
    completion = again.complete("abc", seed=1, max_chars=30, sentences=None)
    assert len(completion.continuation) == 30
    assert completion.model == "net + mix"
    # The engine's steps: the same probabilities as of the whole.
    ids = TOKENIZER.encode("abc" + completion.continuation).ids
    log_p = again.model(torch.tensor([ids[:-1]]))[0][0].log_softmax(-1)
    own = log_p[torch.arange(2, len(ids) - 1), torch.tensor(ids[3:])]
    assert [token.logprob for token in completion.tokens] == pytest.approx(own.tolist(), abs=1e-3)


def test_weights_are_fitted_on_what_was_not_counted() -> None:
    """A net that knows nothing leaves nearly all to the counts, and one that knows all nothing."""
    uniform = net()
    for parameter in uniform.parameters():
        torch.nn.init.zeros_(parameter)
    weigh = count(text_model(uniform), TEXT, order=3, held_out=0.2).weigh
    assert isinstance(weigh, ByConfidence)
    assert weigh.shares_IJ.max() > 0.95
    ids, _ = TOKENIZER.encode_array(TEXT)
    oracle = CountModel.of_text(ids, order=8, vocab_size=V)
    weigh = count(text_model(oracle), TEXT, order=1, held_out=0.2).weigh
    assert isinstance(weigh, ByConfidence)
    assert weigh.shares_IJ[-1].max() < 0.2


def test_weights_are_fitted_on_a_text_of_one_s_own() -> None:
    """Counts of a text fit well to its like, and not to another one."""
    like = count(text_model(), TEXT, fit=TEXT, order=3)
    unlike = count(text_model(), TEXT, fit=TEXT[::-1], order=3)
    assert isinstance(like.weigh, ByConfidence)
    assert isinstance(unlike.weigh, ByConfidence)
    assert like.weigh.shares_IJ.mean() > unlike.weigh.shares_IJ.mean()
    # All of the training text is counted either way.
    ids = torch.tensor([TOKENIZER.encode(TEXT[:40]).ids])
    plain = count(text_model(), TEXT, order=3)
    for each in (like, unlike):
        torch.testing.assert_close(each.parts[1](ids)[0], plain.parts[1](ids)[0])


def test_a_folder_of_something_else_is_not_replaced(tmp_path: Path) -> None:
    lm = text_model()
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(CheckpointError, match=r"letter\.txt"):
        save(tmp_path, count(lm, TEXT, order=2), lm)
    assert (tmp_path / "letter.txt").exists()


def test_another_vocabulary_and_malformed_configs_are_named(tmp_path: Path) -> None:
    lm = text_model()
    folder = tmp_path / "mix"
    save(folder, count(lm, TEXT, order=3), lm)
    good = json.loads((folder / "config.json").read_text("utf-8"))
    for changes, message in (
        ({"vocabulary": ["a"]}, "another vocabulary"),
        ({"format": 2}, "format"),
        ({"order": 2}, "within the vocabulary"),
        ({"order": 10**6}, "order must be a whole number"),
        ({"order": "3"}, "order must be of type int"),
        ({"shares": [[0.5]]}, "a row and a column"),
        ({"shares": 0.5}, "must be lists"),
        ({"edges": [0.5], "shares": [[0.5, 2.0], [0.5, 0.5]]}, "from 0 to 1"),
        ({"edges": [0.5], "shares": [[0.5, 0.5], [0.5]]}, "a row and a column"),
        ({"edges": [0.9, 0.5], "shares": [[0.5] * 3] * 3}, "a row and a column"),
        ({"surplus": 1}, "surplus"),
    ):
        (folder / "config.json").write_text(json.dumps(good | changes), "utf-8")
        with pytest.raises(ValueError, match=message):
            mixed(lm, folder)
    lines = TextModel(net(), TOKENIZER, name="names", reads="lines")
    with pytest.raises(ValueError, match="running text"):
        count(lines, TEXT)


def test_one_share_for_all_is_a_fixed_mixture() -> None:
    mixture = Mixture([net(), counts()], ByConfidence(torch.tensor([[0.25]]).double(), ()))
    with torch.inference_mode():
        logits, _ = mixture(random_ids(1, 4))
        p, q = (part(random_ids(1, 4))[0].softmax(-1) for part in mixture.parts)
    torch.testing.assert_close(logits.exp(), 0.75 * p + 0.25 * q)
    assert math.isclose(logits.exp().sum(-1)[0, 0].item(), 1, abs_tol=1e-5)


def test_the_command_line_mixes_writes_and_evaluates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def call(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["litteragpt", *arguments, "--model", str(model)])
        assert main() == 0
        return capsys.readouterr().out

    model, text = save_tiny(tmp_path, "mini"), tmp_path / "text.txt"
    text.write_text("en un lugar de la Mancha, " * 60, encoding="utf-8")
    folder = str(tmp_path / "mix")
    assert call("mix", str(text), "--order", "3", "--out", folder).strip() == folder
    alone = json.loads(call("evaluate", str(text), "--json"))
    both = json.loads(call("evaluate", str(text), "--mix", folder, "--json"))
    assert both["nats_per_char"] < alone["nats_per_char"] - 0.5
    other, misled = tmp_path / "other.txt", str(tmp_path / "misled")
    other.write_text(text.read_text("utf-8")[::-1], encoding="utf-8")
    call("mix", str(text), "--fit", str(other), "--order", "3", "--out", misled)
    worse = json.loads(call("evaluate", str(text), "--mix", misled, "--json"))
    assert worse["nats_per_char"] > both["nats_per_char"]
    written = call("generate", "en un", "--mix", folder, "--seed", "1", "--max-chars", "20")
    lm = litteragpt.load(model, mix=Path(folder))
    assert written == "en un" + "".join(lm.generate("en un", seed=1, max_chars=20)) + "\n"
