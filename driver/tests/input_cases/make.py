"""Makes the cases beside this file: what Hugging Face's image processors (on Pillow) and Pillow itself make of small images.

    pip install transformers==4.57.6 numpy==2.3.5 safetensors pillow==12.0.0 soundfile
    python make.py REFERENCE

Pillow up to 12 resizes along rows first; Pillow 13 begins where it is cheaper, and differs by one step of 8 bits at times.

REFERENCE is a folder of fixtures with `raw_image` or `raw_video` and `pixel_values` per family. A case is a folder with
`preprocessor_config.json`, `config.json` (what decides the inputs) and `case.safetensors`.
"""
import json, sys
from pathlib import Path

import numpy as np
import soundfile
import transformers
from PIL import Image
from safetensors.numpy import load_file, save_file

HERE = Path(__file__).parent
KEEP = ("model_type", "image_token_index", "image_grid_pinpoints", "vision_feature_select_strategy", "decoder_start_token_id",
        "max_source_positions", "num_mel_bins", "vocab_size", "image_size")
KEEP_VISION = ("image_size", "patch_size", "num_frames")


def write(name, config, processor, tensors):
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    (folder / "preprocessor_config.json").write_text(json.dumps(processor, indent=1) + "\n")
    save_file({k: np.ascontiguousarray(v) for k, v in tensors.items()}, folder / "case.safetensors")


def copied(reference, family):
    config = json.loads((reference / family / "config.json").read_text())
    small = {k: config[k] for k in KEEP if k in config}
    if "vision_config" in config:
        small["vision_config"] = {k: config["vision_config"][k] for k in KEEP_VISION if k in config["vision_config"]}
    if "text_config" in config:
        small["text_config"] = {"vocab_size": config["text_config"].get("vocab_size", 1000)}
    processor = json.loads((reference / family / "preprocessor_config.json").read_text())
    t = load_file(reference / family / "case.safetensors")
    keep = ("raw_image", "raw_video", "pixel_values", "image_sizes", "input_ids")
    keep = keep if family.startswith("llava") else keep[:-1]
    for prefix, suffix in (("", ""), ("image1.", "_1")):
        tensors = {k: t[prefix + k] for k in keep if prefix + k in t}
        if prefix and not tensors:
            continue
        ints = {k: v.astype(np.int32) if v.dtype == np.int64 else v for k, v in tensors.items()}
        write(family + suffix, small, processor, ints)


def image(seed, height, width):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    waves = [127 + 80 * np.sin(a * x / width + b * y / height) for a, b in rng.uniform(2, 9, (3, 2))]
    return np.clip(np.rint(np.stack(waves, -1) + 25 * rng.standard_normal((height, width, 3))), 0, 255).astype(np.uint8)


def made(name, model_type, raw, kind, settings):
    processor = getattr(transformers, kind)(**settings)
    out = processor(images=[Image.fromarray(raw)], return_tensors="np")
    tensors = {k: np.asarray(v) for k, v in out.items()}
    tensors = {k: v.astype(np.int32) if v.dtype == np.int64 else v.astype(np.float32) for k, v in tensors.items()}
    write(name, {"model_type": model_type}, {"image_processor_type": kind, **settings}, {"raw_image": raw, **tensors})


def pillow():
    """One image at many sizes."""
    raw, tensors = image(9, 23, 31), {}
    for number, name in ((1, "lanczos"), (2, "bilinear"), (3, "bicubic")):
        for height, width in ((1, 1), (5, 7), (11, 31), (23, 10), (22, 30), (40, 9), (24, 33), (69, 93)):
            tensors[f"{name}.{height}x{width}"] = np.array(Image.fromarray(raw).resize((width, height), number))
    (HERE / "pillow").mkdir(exist_ok=True)
    save_file({"raw_image": raw, **tensors}, HERE / "pillow/case.safetensors")


def files():
    """Image files of several kinds, and what Pillow reads from them."""
    folder, tensors = HERE / "files", {}
    folder.mkdir(exist_ok=True)
    rgb = Image.fromarray(image(11, 18, 26))
    rgba = rgb.copy()
    rgba.putalpha(Image.fromarray(image(12, 18, 26)[..., 0]))
    exif = Image.Exif()
    exif[0x0112] = 6
    kinds = {"rgb.png": (rgb, {}), "grey.png": (rgb.convert("L"), {}), "palette.png": (rgb.quantize(16), {}), "alpha.png": (rgba, {}),
             "bits.png": (rgb.convert("1"), {}), "rgb.jpg": (rgb, dict(quality=90, subsampling=0)), "halved.jpg": (rgb, dict(quality=90, subsampling=2)), "grey.jpg": (rgb.convert("L"), dict(quality=90)),
             "progressive.jpg": (rgb, dict(quality=90, subsampling=0, progressive=True)), "turned.jpg": (rgb, dict(quality=90, subsampling=0, exif=exif))}
    for name, (img, options) in kinds.items():
        img.save(folder / name, **options)
        back = Image.open(folder / name)
        back = transformers.image_utils.load_image(back)
        tensors[name] = np.array(back.convert("RGB"))
    rgb.save(folder / "not_read.gif")
    save_file({k: np.ascontiguousarray(v) for k, v in tensors.items()}, folder / "case.safetensors")


def sounds():
    """Sound files of several encodings; every one holds sample i = ((37 i) % 201 - 100) / 128, the right channel its half."""
    folder = HERE / "sounds"
    folder.mkdir(exist_ok=True)
    left = ((np.arange(300) * 37) % 201 - 100) / 128
    both = np.stack([left, left / 2], -1)
    for name, data, subtype in (("u8", left, "PCM_U8"), ("i16", left, "PCM_16"), ("i24", left, "PCM_24"), ("i32", left, "PCM_32"),
                                ("f32", left, "FLOAT"), ("stereo16", both, "PCM_16")):
        soundfile.write(folder / f"{name}.wav", data, 8000, subtype=subtype)
    soundfile.write(folder / "extensible.wav", both, 8000, subtype="PCM_24", format="WAVEX")
    soundfile.write(folder / "mono16.flac", left, 8000, subtype="PCM_16")
    soundfile.write(folder / "stereo24.flac", both, 8000, subtype="PCM_24")


if __name__ == "__main__":
    for family in ("vit", "clip", "convnext", "resnet", "llava", "llava_next", "xclip"):
        copied(Path(sys.argv[1]), family)
    clip = dict(size={"shortest_edge": 20}, crop_size={"height": 18, "width": 24}, resample=3)
    made("clip_border", "clip", image(1, 37, 11), "CLIPImageProcessor", clip)
    made("clip_enlarged", "clip", image(2, 9, 14), "CLIPImageProcessor", {**clip, "resample": 1, "image_mean": [0.5, 0.4, 0.3], "do_normalize": True})
    made("clip_raw", "clip", image(3, 15, 12), "CLIPImageProcessor", dict(do_resize=False, crop_size={"height": 10, "width": 21}, do_normalize=False))
    made("vit_unscaled", "vit", image(4, 33, 20), "ViTImageProcessor", dict(size={"height": 16, "width": 12}, do_rescale=False, resample=3))
    made("llava_square", "llava", image(5, 31, 18), "LlavaImageProcessor", dict(do_pad=True, size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16}))
    made("llava_next_tall", "llava_next", image(6, 71, 13), "LlavaNextImageProcessor",
         dict(size={"shortest_edge": 12}, crop_size={"height": 12, "width": 12}, image_grid_pinpoints=[[12, 24], [24, 12], [24, 24], [36, 12]]))
    made("convnext_odd", "convnext", image(7, 29, 50), "ConvNextImageProcessor", dict(size={"shortest_edge": 17}, crop_pct=0.9, resample=3))
    pillow()
    files()
    sounds()
