"""Keys taken apart into words, and what each word says: on which problems, which statistic, whose.

A key is no name but a short sentence that somebody wrote: ``evalAccuracy``, ``val/acc/mean``, ``acc_eval`` and
``验证准确率`` say one thing. Here they become the same words, so that what comes after reads words, not spellings.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from itertools import pairwise

from heldout.text import word_set

# One word → how it is spelled elsewhere: short forms, plurals that are none of "-s", other languages.
_SPELLINGS = {
    "reward": "rewards rew rwd belohnung recompense recompensa ricompensa beloning награда",
    "return": "returns ret rets",
    "accuracy": "accuracies acc accs genauigkeit trefferquote exactitude exactitud accuratezza acuracia nauwkeurigheid "
    "точность",
    "correct": "correctness correctly",
    "success": "succ successes successful erfolg reussite exito successo sucesso",
    "solve": "solved solves resolve resolved",
    "pass": "passes passing",
    "error": "errors err errs fehler",
    "perplexity": "ppl perplexities",
    "bits_per_byte": "bpb bpc",
    "likelihood": "loglik loglikelihood logp logps logprob logprobs logprobability ll",
    "negative_likelihood": "nll",
    "rate": "rates ratio ratios frac fracs fraction fractions proportion quote taux tasa tasso taxa",
    "percent": "pct percentage",
    "length": "lengths len lens lenght lenghts länge längen laenge longueur longitud lunghezza comprimento длина",
    "token": "tokens tok toks",
    "response": "responses resp completion completions compl output outputs generation generations gen gens generated "
    "generate generator reply replies antwort antworten",
    "prompt": "prompts question questions query",
    "episode": "episodes episodic ep",
    "trajectory": "trajectories traj trajs",
    "sequence": "sequences seq seqs",
    "kl": "kls kld",
    "approx": "approximate",
    "entropy": "ent entropies entropie",
    "clip": "clipped clipping",
    "gradient": "grad grads gradients",
    "lr": "lrs lernrate",
    "truncation": "trunc truncated truncate abgeschnitten",
    "advantage": "advantages adv advs",
    "mean": "avg average averaged ave mittel mittlere mittlerer durchschnitt promedio media medio moyenne "
    "moyen средняя",
    "all": "overall aggregate aggregated agg combined gesamt",
    "std": "stdev stddev sd var variance ci",
    "stderr": "sem se",  # of a mean, which is no spread of single values
    "low": "lo lower",
    "high": "hi upper",
    "quantile": "median p5 p10 p25 p50 p75 p90 p95 p99 q25 q75",
    "max": "maximum",
    "min": "minimum",
    "best": "peak bester",
    "majority": "maj mv cons",
    "value": "values vf vfs vpred vpreds",
    "time": "times timing timings duration durations second seconds sec secs elapsed walltime runtime timestamp hours "
    "minutes ms s timeperf date",
    "speed": "throughput sps fps",
    "memory": "mem gb mb",
    "count": "num number n counts cnt anzahl wins draws games",
    "problem": "problems example examples",
    "numeral": "numerals numbers",  # of a puzzle; how many of something is its number
    "sample": "samples sampled sampling",
    "step": "steps schritt schritte",
    "loss": "verlust perte perdida perdita",
    "eval": "evals evaluation evaluations evaluator evaluacion",
    "val": "validation validierung validacion validazione validacao",
    "test": "testing prüfung pruefung prueba teste тест",
    "heldout": "holdout unseen",
    "train": "training trainings trn entrainement entrenamiento addestramento treino обучение",
    "batch": "batches minibatch microbatch",
    "rollout": "rollouts",
    "preference": "chosen rejected reject margin margins",
    "format": "formats formatted formatting compliance",
    "win": "winning",
    "elo": "elos",
    "truth": "groundtruth",
    "coefficient": "coef coeff coeffs ctl multiplier",
    "reference": "ref refs",
    "norm": "norms",
    "turn": "turns rounds",
    "action": "actions",
    "timesteps": "timestep",
    "seqlen": "seqlens",
    "smoothed": "smooth smoothing moving rolling",
    "violation": "violations violate violates violated violating",
    "toxicity": "toxic toxicities",
    "hallucination": "hallucinations hallucinate hallucinated hallucinates",
    "failure": "failures fail fails failed failing",
    "hack": "hacks hacked hacking hackable",
    "harm": "harms harmful harmfulness",
    "attack": "attacks attacked",
    "jailbreak": "jailbreaks jailbroken",
    "exploit": "exploits exploited exploitation",
    "collision": "collisions collided",
    "crash": "crashes crashed",
    "mistake": "mistakes",
    "distance": "distances",
    "cost": "costs",
    "refusal": "refusals refuse refuses refused refusing overrefusal",
}
# Neighbours that are one thing; written together or apart, they become these words.
_TOGETHER = {
    "held out": "heldout",
    "hold out": "heldout",
    "ground truth": "truth",
    "exact match": "em",
    "word error": "wer",
    "std err": "stderr",
    "std error": "stderr",
    "standard error": "stderr",
    "standard err": "stderr",
    "standard dev": "std",
    "standard deviation": "std",
    "learning rate": "lr",
    "no eos": "truncation",
    "grad norm": "gradient norm",
    "g norm": "gradient norm",
    "gn": "gradient norm",
    "clip frac": "clip rate",
    "clip fraction": "clip rate",
    "approx kl": "approx kl",
    "kl div": "kl",
    "kl divergence": "kl",
    "pass rate": "pass rate",
    "passed": "count pass",
    "ppo kl": "ppo_kl",
    "win rate": "win rate",
    "solve rate": "solve rate",
    "success rate": "success rate",
    "error rate": "error rate",
    "log likelihood": "likelihood",
    "negative log likelihood": "negative_likelihood",
    "negative likelihood": "negative_likelihood",
    "log prob": "likelihood",
    "best of": "best @",
    "roll out": "rollout",
    "bits per byte": "bits_per_byte",
    "so far": "best",
    "mini batch": "batch",
    "micro batch": "batch",
    # tests of a program, not the test set
    "unit test": "unittest",
    "unit tests": "unittest",
    "test case": "unittest",
    "test cases": "unittest",
    "public test": "unittest",
    "public tests": "unittest",
    "visible test": "unittest",
    "visible tests": "unittest",
    # the value function, not the validation
    "v val": "value",
    "v vals": "value",
    "q val": "value",
    "q vals": "value",
    "val pred": "value",
    "val preds": "value",
}
# Problem sets that are kept for evaluations; a year or a size may stand behind the name.
BENCHMARKS = word_set(
    "humaneval humanevalplus mbpp mbppplus evalplus livecodebench lcb codeforces codecontests swebench "
    "bigcodebench gsm8k mgsm math500 amc aime hmmt brumo minerva olympiadbench olympiad svamp asdiv gpqa mmlu "
    "mmlupro bbh bigbench arc hellaswag winogrande piqa boolq truthfulqa triviaqa hotpotqa musique ifeval "
    "alpacaeval arenahard mtbench bfcl taubench gaia browsecomp webarena simpleqa hle livebench aider mmmu "
    "mathvista chartqa docvqa squad cmmlu ceval omnimath zebralogic musr logiqa commonsenseqa csqa strategyqa "
    "openbookqa lambada scienceqa medqa pubmedqa usaco ds1000 gpqadiamond terminalbench"
)
# Pieces of words that are written without spaces, longest first.
_PIECES = {
    "准确率": "accuracy",
    "正确率": "accuracy",
    "通过率": "pass rate",
    "成功率": "success rate",
    "解决率": "solve rate",
    "错误率": "error rate",
    "召回率": "recall",
    "学习率": "lr",
    "困惑度": "perplexity",
    "标准差": "std",
    "准确度": "accuracy",
    "验证集": "val",
    "测试集": "test",
    "训练集": "train",
    "胜率": "win rate",
    "奖励": "reward",
    "回报": "return",
    "得分": "score",
    "分数": "score",
    "评分": "score",
    "长度": "length",
    "平均": "mean",
    "验证": "val",
    "测试": "test",
    "评估": "eval",
    "评测": "eval",
    "训练": "train",
    "散度": "kl",
    "损失": "loss",
    "梯度": "gradient",
    "范数": "norm",
    "裁剪": "clip",
    "截断": "truncation",
    "回复": "response",
    "响应": "response",
    "回答": "response",
    "输出": "response",
    "生成": "response",
    "格式": "format",
    "时间": "time",
    "步数": "step",
    "最大": "max",
    "最小": "min",
    "最佳": "best",
    "报酬": "reward",
    "比例": "rate",
    "正解率": "accuracy",
    "準確率": "accuracy",
    "通過率": "pass rate",
    "報酬": "reward",
    "獎勵": "reward",
    "検証": "val",
    "驗證": "val",
    "測試": "test",
    "テスト": "test",
    "評価": "eval",
    "評估": "eval",
    "学習": "train",
    "訓練": "train",
    "応答": "response",
    "回答長": "response length",
    "長度": "length",
    "長": "length",
    "スコア": "score",
    "보상": "reward",
    "정확도": "accuracy",
    "성공률": "success rate",
    "검증": "val",
    "테스트": "test",
    "평가": "eval",
    "학습": "train",
    "훈련": "train",
    "평균": "mean",
    "길이": "length",
    "熵": "entropy",
    "belohnung": "reward",
    "genauigkeit": "accuracy",
    "erfolgs": "success",
    "erfolg": "success",
    "lösungs": "solve",
    "fehler": "error",
    "bestehens": "pass",
    "validierungs": "val",
    "validierung": "val",
    "trainings": "train",
    "antworten": "response",
    "antwort": "response",
    "länge": "length",
    "mittlere": "mean",
    "entropie": "entropy",
    "lernrate": "lr",
    "verlust": "loss",
    "quote": "rate",
    "test": "test",
    "rate": "rate",
}

# On which problems: kept back from training, or those of the training.
HELD_OUT = frozenset({"eval", "val", "test", "heldout", "dev", "monitor", "ood"})
# A judge that the optimiser does not see, whatever the problems.
JUDGES = frozenset({"gold", "private", "true", "truth", "hidden", "oracle", "honest"})
TRAINING = word_set(
    "train batch rollout actor critic learner learners step group tool call preference replay buffer token "
    "sample extra objective episode trajectory env environment loss reward ppo grpo"
)
# What is sampled in training; tests that it is said to pass are those of its programs, and no test set.
_SAMPLED = frozenset({"rollout", "batch", "group", "sample", "actor", "critic", "policy"})
# Shares of problems that were solved, and other measures of how well.
SOLVED = frozenset({"accuracy", "correct", "success", "solve", "pass", "em"})
GRADES = word_set("f1 recall precision ndcg mrr map bleu rouge chrf meteor auc iou win elo mcc")
ERRORS = word_set("error wer cer regret perplexity bits_per_byte negative_likelihood mse mae rmse")
# What should not happen: less of it is better, unless a word denies it, or it is what is to be found.
HARMS = word_set(
    "violation toxicity hallucination failure hack harm unsafe attack jailbreak exploit collision crash mistake "
    "deception leak brier distance cost false misalignment"
)
_DENIED = word_set("non no not free without avoided avoidance resistance robustness detection detected detector safe")
_HARM_BY_SUCCESS = frozenset({"attack", "jailbreak", "hack", "exploit"})
_OF_HARMLESS = word_set("false over benign harmless safe unneeded unnecessary")
SCORES = SOLVED | GRADES | ERRORS | {"reward", "return", "score", "likelihood"}
# Spreads, limits and extremes, which stand beside what they are of.
SPREADS = frozenset({"max", "min", "std", "stderr", "quantile", "best", "worst", "running", "ema", "smoothed", "sum"})

_RUN = re.compile(r"@|[^\W_]+|%")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[\x00-\x7f])(?=[\u3040-\u9fff])")
# What a number of samples stands behind: pass@8, pass_at_8, pass8, pass_at_k/8.
_OF_SAMPLES = ("pass", "maj", "cons", "best", "worst", "avg", "mean", "std", "bo", "acc")
_NUMBERED = re.compile(rf"({'|'.join(_OF_SAMPLES)})(\d{{1,4}})")
_MOST = 3  # words that a compound has
_SHORTEST = 3  # letters of a word that is found in others: "rew", "len"; two letters are found anywhere
_LONGEST = 40  # letters of words written together; what is longer is no name


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a key, and where it stands there."""

    text: str
    start: int
    end: int


@cache  # whoever chooses roles step by step asks for every key each time
def words_of(key: str) -> tuple[Word, ...]:
    """Take a key apart.

    >>> [word.text for word in words_of("val-core/openai/gsm8k/acc/mean@8")]
    ['val', 'core', 'openai', 'gsm8k', 'accuracy', 'mean', '@8']
    >>> [word.text for word in words_of("meanResponseLength")], [word.text for word in words_of("验证准确率")]
    (['mean', 'response', 'length'], ['val', 'accuracy'])
    """
    raw = _numbered([piece for run in _RUN.finditer(key) for piece in _humps(key, run.start(), run.end())])
    words, at = list[Word](), 0
    while at < len(raw):
        for many in range(min(_MOST, len(raw) - at), 0, -1):
            run = raw[at : at + many]
            found = _compound("".join(word.text for word in run)) or (_spelled(run[0].text) if many == 1 else ())
            if found:
                words += [Word(text, run[0].start, run[-1].end) for text in found]
                break
        at += many
    return tuple(words)


def _humps(key: str, start: int, end: int) -> list[Word]:
    cuts = [start, *(start + hump.start() for hump in _HUMP.finditer(key[start:end])), end]
    return [Word(key[a:b].lower(), a, b) for a, b in pairwise(cuts)]


def _numbered(raw: list[Word]) -> list[Word]:
    """Write every number of samples as one word: "@8"."""
    words = list[Word]()
    for word in raw:
        split = _NUMBERED.fullmatch(word.text)
        before = words[-1].text if words else ""
        if split:
            cut = word.start + len(split[1])
            words += [Word(split[1], word.start, cut), Word(f"@{split[2]}", cut, word.end)]
        elif word.text.isdecimal() and before in ("@", "at", "k", *_OF_SAMPLES):
            while words and words[-1].text in ("@", "at", "k"):
                words.pop()
            words.append(Word(f"@{word.text}", word.start, word.end))
        else:
            words.append(word)
    return [word for word in words if word.text != "@"]


def is_harm(texts: Collection[str]) -> bool:
    """Whether the words of a key name what should not happen, so that less of it is better.

    >>> is_harm({"violation", "rate"}), is_harm({"violation", "free"}), is_harm({"toxicity", "accuracy"})
    (True, False, False)
    >>> is_harm({"attack", "success"}), is_harm({"refusal", "rate"}), is_harm({"false", "refusal"})
    (True, False, True)
    """
    if "refusal" in texts:  # of harmful requests it is right; which they are has to be said
        return not _OF_HARMLESS.isdisjoint(texts)
    if not _DENIED.isdisjoint(texts):
        return False
    graded = (SOLVED | GRADES).intersection(texts)
    return not HARMS.isdisjoint(texts) and (
        not graded or (graded == {"success"} and not _HARM_BY_SUCCESS.isdisjoint(texts))
    )


@cache
def _table() -> dict[str, str]:
    own = (*_SPELLINGS, *SCORES, *HELD_OUT, *JUDGES, *TRAINING, *SPREADS, *BENCHMARKS, *HARMS)
    return {word: word for word in own} | {text: word for word, texts in _SPELLINGS.items() for text in texts.split()}


@cache
def _compounds() -> dict[str, tuple[str, ...]]:
    together = {text.replace(" ", ""): tuple(words.split()) for text, words in _TOGETHER.items()}
    return {name: (name,) for name in BENCHMARKS} | together


def _compound(text: str) -> tuple[str, ...]:
    return _compounds().get(text, ())


def _spelled(text: str) -> tuple[str, ...]:
    """Return the words that a piece of a key says: itself, if it is nothing known."""
    known = _known(text) or _known(_plain(text))
    if known is None and (stem := text.rstrip("0123456789")) in BENCHMARKS:
        known = stem
    if known is not None:
        return (known,)
    if parts := _joined(text):
        return parts
    if not text.isascii() or any(len(piece) > 4 and piece in text for piece in _PIECES):
        return tuple(_pieces(text)) or (text,)
    return (text,)


def _known(text: str) -> str | None:
    singular = text.removesuffix("s") if len(text) > 3 and text != "tests" else text  # those of a program are no split
    return _table().get(text) or _table().get(singular)


def _plain(text: str) -> str:
    """Write a word without its accents, where nothing but Latin letters is left: "récompense"."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return plain if plain.isascii() else text


@cache
def _joined(text: str) -> tuple[str, ...]:
    """Take apart what is nothing but known words written together: "eprewmean", "valacc"."""
    if len(text) > _LONGEST:
        return ()
    if text.startswith("ep") and (rest := _joined(text[2:]) or _one(text[2:])):
        return ("episode", *rest)
    for cut in range(len(text) - _SHORTEST, _SHORTEST - 1, -1):
        first = _one(text[:cut])
        if first and (rest := _one(text[cut:]) or _joined(text[cut:])):
            return (*first, *rest)
    return ()


def _one(text: str) -> tuple[str, ...]:
    known = _known(text) if len(text) >= _SHORTEST else None
    return (known,) if known else ()


def _pieces(text: str) -> Iterable[str]:
    """Take apart what is written without spaces; what is between known pieces says nothing."""
    while text:
        piece = max((piece for piece in _PIECES if text.startswith(piece)), key=len, default="")
        if piece:
            yield from _PIECES[piece].split()
        text = text[len(piece) or 1 :]


class Side(Enum):
    """On which problems something was measured, as far as its key says."""

    HELD_OUT = "held out"
    JUDGE = "another judge"  # one that the optimiser does not see, on whichever problems
    TRAINING = "training"
    NONE = "not said"


def side_of(words: Sequence[Word]) -> Side:
    """Say on which problems something was measured.

    A word for training before one for evaluation is only a prefix ("train/eval/…"); behind it, it says what was
    evaluated ("eval/train_accuracy").
    """
    texts = [word.text for word in words]
    held = next((at for at, text in enumerate(texts) if _held(texts, at)), None)
    if held is not None:
        unit_tests = texts[held] == "test" and not _SAMPLED.isdisjoint(texts[:held])
        return Side.TRAINING if unit_tests or "train" in texts[held:] else Side.HELD_OUT
    if not JUDGES.isdisjoint(texts) and not {"positive", "negative"} & {*texts}:
        return Side.JUDGE
    if not TRAINING.isdisjoint(texts):
        return Side.TRAINING
    return Side.NONE if BENCHMARKS.isdisjoint(texts) else Side.HELD_OUT


def _held(texts: Sequence[str], at: int) -> bool:
    """Whether a word says "held out"; "valid" does at either end of a key, beside a score or a loss."""
    if texts[at] == "valid":
        return at in (0, len(texts) - 1) and not (SCORES | {"loss"}).isdisjoint(texts)
    return texts[at] in HELD_OUT
