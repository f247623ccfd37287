"""Makes the cases beside this file: what Hugging Face's feature extractors (numpy) do with small synthetic clips.

    pip install transformers==4.57.6 numpy==2.3.5 safetensors
    python make.py [REFERENCE]

REFERENCE is a folder of fixtures with `raw_audio` and features (whisper, wav2vec2, clap, clap_fused, audio_ops);
without it only the cases that need no other file are made. A case is a folder with `preprocessor_config.json`,
`case.json` (tolerance, draws) and `case.safetensors`. A tolerance is ten times the distance of two precisions.
"""
import importlib.machinery, json, sys, types
from pathlib import Path
from unittest import mock

import numpy as np
import transformers
from safetensors.numpy import load_file, save_file

HERE = Path(__file__).parent


def wave(seed, samples, rate):
    rng = np.random.default_rng(seed)
    t = np.arange(samples) / rate
    w = sum(a * np.sin(2 * np.pi * f * t + p) for a, f, p in zip(rng.uniform(.05, .2, 4), rng.uniform(80, .3 * rate, 4), rng.uniform(0, 6, 4)))
    return np.clip(w + .02 * rng.standard_normal(samples), -1, 1).astype(np.float32)


def write(name, model_type, tensors, tolerance, draws=()):
    tensors = {k: np.ascontiguousarray(v) for k, v in tensors.items()}
    save_file(tensors, HERE / name / "case.safetensors")
    info = {"model_type": model_type, "tolerance_abs": tolerance, "draws": list(draws), "tensors": {k: list(v.shape) for k, v in tensors.items()}}
    (HERE / name / "case.json").write_text(json.dumps(info, indent=1) + "\n")


def copied(reference):
    for name, model_type in (("whisper", "whisper"), ("wav2vec2", "wav2vec2"), ("clap", "clap"), ("clap_fused", "clap")):
        (HERE / name).mkdir(exist_ok=True)
        config = (reference / name / "preprocessor_config.json").read_text()
        (HERE / name / "preprocessor_config.json").write_text(config)
        t = load_file(reference / name / "case.safetensors")
        keep = {k: v for k, v in t.items() if k in ("raw_audio", "input_features", "input_values", "is_longer")}
        tolerance = json.loads((reference / name / "case.json").read_text())["preprocess_check"]["tolerance_abs"]
        write(name, model_type, keep, min(tolerance, 1e-4) if model_type != "clap" else tolerance)
        if name == "wav2vec2":
            (HERE / "wav2vec2_batch").mkdir(exist_ok=True)
            (HERE / "wav2vec2_batch/preprocessor_config.json").write_text(config)
            write("wav2vec2_batch", model_type, {"raw_audio0": t["padded.raw_audio0"], "raw_audio1": t["padded.raw_audio1"],
                                                 "input_values": t["padded.input_values"]}, tolerance)
    (HERE / "audio_ops").mkdir(exist_ok=True)
    t = load_file(reference / "audio_ops/case.safetensors")
    case = json.loads((reference / "audio_ops/case.json").read_text())
    case["outputs"] = [o for o in case["outputs"] if o["op"] != "stft" or o["name"] in ("expected.stft.wave0.400.160", "expected.stft.wave1.1024.480")]
    save_file({k: v for k, v in t.items() if k.startswith("wave") or any(o["name"] == k for o in case["outputs"])}, HERE / "audio_ops/case.safetensors")
    text = ",\n".join("  " + json.dumps(o) for o in case["outputs"])
    (HERE / "audio_ops/case.json").write_text('{"outputs": [\n' + text + "\n]}\n")


def made(name, model_type, cls, config, clips, tolerance, draws=(), **options):
    (HERE / name).mkdir(exist_ok=True)
    extractor = cls(**config)
    extractor.save_pretrained(HERE / name)
    left = list(draws)
    pick = {"randint": lambda low, high: low + min(left.pop(0), high - low - 1), "choice": lambda r: r[min(left.pop(0), len(r) - 1)]}
    with mock.patch.multiple("numpy.random", **pick):
        out = extractor(clips if len(clips) > 1 else clips[0], sampling_rate=extractor.sampling_rate, return_tensors="np", **options)
    assert not left, left
    raw = {f"raw_audio{i if len(clips) > 1 else ''}": c for i, c in enumerate(clips)}
    kind = lambda v: v.astype(np.float32 if v.dtype.kind == "f" else np.int32)
    write(name, model_type, {**raw, **{k: kind(np.asarray(v)) for k, v in out.items()}}, tolerance, draws)


def interpolate(mel, size, **_):
    """torch.nn.functional.interpolate, bilinear with align_corners=False, where only the time axis changes."""
    mel = np.asarray(mel)[0, 0]
    assert size[1] == mel.shape[1]
    at = np.maximum((np.arange(size[0]) + .5) * len(mel) / size[0] - .5, 0)
    low = np.minimum(at.astype(int), len(mel) - 1)
    high, part = np.minimum(low + 1, len(mel) - 1), (at - low)[:, None]

    class Result:
        def __getitem__(self, _): return self
        def numpy(self): return (mel[low] * (1 - part) + mel[high] * part).astype(np.float32)
    return Result()


def clap_extractor():
    """The class without PyTorch, which it needs for nothing but `interpolate`."""
    torch = types.ModuleType("torch")
    torch.__spec__ = importlib.machinery.ModuleSpec("torch", None)
    torch.tensor, torch.nn = (lambda v: v), types.SimpleNamespace(functional=types.SimpleNamespace(interpolate=interpolate))
    with mock.patch.dict(sys.modules, {"torch": torch}), mock.patch("transformers.utils.import_utils._torch_available", True):
        return importlib.import_module("transformers.models.clap.feature_extraction_clap").ClapFeatureExtractor


if __name__ == "__main__":
    if len(sys.argv) > 1:
        copied(Path(sys.argv[1]))
    made("whisper_masked", "whisper", transformers.WhisperFeatureExtractor,
         dict(feature_size=128, chunk_length=1, hop_length=450, n_fft=512, return_attention_mask=True),
         [wave(1, 9001, 16000), wave(2, 17000, 16000)], 5e-5, return_attention_mask=True)  # said twice: only then is the mask one per frame
    made("wav2vec2_masked", "wav2vec2", transformers.Wav2Vec2FeatureExtractor, dict(return_attention_mask=True, padding_value=0.5),
         [wave(3, 900, 16000), wave(4, 1400, 16000)], 1e-5, padding=True)
    short = dict(feature_size=64, sampling_rate=16000, hop_length=320, max_length_s=1, fft_window_size=512, frequency_min=40, frequency_max=7000)
    made("clap_cut", "clap", clap_extractor(), dict(truncation="rand_trunc", padding="repeat", **short),
         [wave(5, 16777, 16000), wave(6, 3000, 16000)], 3e-4, draws=[421])
    made("clap_pieces", "clap", clap_extractor(), dict(truncation="fusion", padding="pad", **short),
         [wave(7, 21000, 16000)], 3e-4, draws=[3, 1, 4])
