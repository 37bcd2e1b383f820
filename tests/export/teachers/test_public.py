# ruff: noqa: E402 (the check for the extra comes before its imports)
"""The names, shapes and numbers below were taken from the authors' public source, run with these weights
and inputs; nothing here comes from the adapters. Published weight files are not at hand in the tests."""

from __future__ import annotations

import hashlib
import zlib

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the export extra is not installed")

from export.errors import ExportError
from export.teachers.public import TEACHERS, load_teacher, prepare
from export.teachers.public.bert import Bert, Size, encode, vocabulary
from export.teachers.public.csfm import Csfm, clean
from export.teachers.public.csfm import Size as CsfmSize
from export.teachers.public.ecg_fm import STATEMENTS, EcgFm, Wav2Vec
from export.teachers.public.ecgfounder import LABELS, ECGFounder, Net1D
from export.teachers.public.jepa_kim import MaskTransformer, cross_pattern
from export.teachers.public.jepa_weimann import MEAN, STD, VisionTransformer, WeimannJepa
from export.teachers.public.merl import EcgClip, Merl, ResNet18
from wearecg.errors import SignalError

# --- the published state dicts: name to shape


def layer(name, *shape, bias=True):
    return {f"{name}.weight": shape} | ({f"{name}.bias": shape[:1]} if bias else {})


def batch_norm(name, n):
    return layer(name, n) | {
        f"{name}.running_mean": (n,),
        f"{name}.running_var": (n,),
        f"{name}.num_batches_tracked": (),
    }


def under(prefix, shapes):
    return {prefix + name: shape for name, shape in shapes.items()}


def net1d():
    shapes = layer("first_conv.conv", 64, 12, 16) | batch_norm("first_bn", 64) | layer("dense", 150, 1024)
    inputs = 64
    for s, (outputs, blocks) in enumerate(
        [(64, 2), (160, 2), (160, 2), (400, 3), (400, 3), (1024, 4), (1024, 4)]
    ):
        for b in range(blocks):
            shapes |= under(
                f"stage_list.{s}.block_list.{b}.",
                batch_norm("bn1", inputs)
                | layer("conv1.conv", outputs, inputs, 1)
                | batch_norm("bn2", outputs)
                | layer("conv2.conv", outputs, 16, 16)
                | batch_norm("bn3", outputs)
                | layer("conv3.conv", outputs, outputs, 1)
                | layer("se_fc1", outputs // 2, outputs)
                | layer("se_fc2", outputs, outputs // 2),
            )
            inputs = outputs
    return shapes


def vit_block(d, *, bias):
    return (
        layer("norm1", d, bias=bias)
        | layer("attn.qkv", 3 * d, d, bias=False)
        | layer("attn.proj", d, d, bias=bias)
        | layer("norm2", d, bias=bias)
        | layer("mlp.fc1", 4 * d, d, bias=bias)
        | layer("mlp.fc2", d, 4 * d, bias=bias)
    )


def weimann(d, depth):
    shapes = {"registers": (1, 1, d)} | layer("patch_embed.proj", d, 12, 25, bias=False)
    shapes |= layer("norm", d, bias=False)
    for i in range(depth):
        shapes |= under(f"blocks.{i}.", vit_block(d, bias=False))
    return shapes


def kim():
    shapes = {"pos_embed": (400, 768)} | layer("W_P", 768, 50) | layer("norm", 768)
    for i in range(12):
        shapes |= under(f"encoder_blocks.blocks.{i}.", vit_block(768, bias=True))
    return shapes


def resnet18():
    shapes = layer("conv1", 64, 12, 7, bias=False) | batch_norm("bn1", 64) | layer("linear", 10, 512)
    inputs = 64
    for i, outputs in enumerate([64, 128, 256, 512], start=1):
        for b in range(2):
            block = layer("conv1", outputs, inputs, 3, bias=False) | batch_norm("bn1", outputs)
            block |= layer("conv2", outputs, outputs, 3, bias=False) | batch_norm("bn2", outputs)
            if inputs != outputs:
                block |= layer("shortcut.0", outputs, inputs, 1, bias=False)
                block |= batch_norm("shortcut.1", outputs)
            shapes |= under(f"layer{i}.{b}.", block)
            inputs = outputs
    return shapes


def bert():
    shapes = layer("embeddings.word_embeddings", 30522, 768, bias=False)
    shapes |= layer("embeddings.position_embeddings", 512, 768, bias=False)
    shapes |= layer("embeddings.token_type_embeddings", 2, 768, bias=False)
    shapes |= layer("embeddings.LayerNorm", 768) | layer("pooler.dense", 768, 768)
    for i in range(12):
        at = f"encoder.layer.{i}."
        for name in ("self.query", "self.key", "self.value", "output.dense"):
            shapes |= layer(f"{at}attention.{name}", 768, 768)
        shapes |= layer(f"{at}attention.output.LayerNorm", 768) | layer(f"{at}output.LayerNorm", 768)
        shapes |= layer(f"{at}intermediate.dense", 3072, 768) | layer(f"{at}output.dense", 768, 3072)
    return shapes


def merl():
    pool = {"positional_embedding": (1, 314, 256), "cls_token": (1, 1, 256)} | layer("c_proj", 256, 256)
    pool |= {"mhsa.in_proj_weight": (768, 256), "mhsa.in_proj_bias": (768,)}
    pool |= layer("mhsa.out_proj", 256, 256)
    return (
        layer("downconv", 256, 512, 1)
        | under("att_pool_head.", pool)
        | layer("linear1", 256, 256, bias=False)
        | layer("linear2", 256, 256, bias=False)
        | under("ecg_encoder.", resnet18())
        | under("lm_model.", bert())
        | layer("proj_t.0", 256, 768)
        | layer("proj_t.2", 256, 256)
    )


def wav2vec():
    shapes = layer("feature_extractor.conv_layers.0.0", 256, 12, 2, bias=False)
    shapes |= layer("feature_extractor.conv_layers.0.2", 256)
    for i in (1, 2, 3):
        shapes |= layer(f"feature_extractor.conv_layers.{i}.0", 256, 256, 2, bias=False)
    shapes |= layer("layer_norm", 256) | layer("post_extract_proj", 768, 256)
    shapes |= {
        "conv_pos.pos_conv.0.bias": (768,),
        "conv_pos.pos_conv.0.parametrizations.weight.original0": (1, 1, 128),
        "conv_pos.pos_conv.0.parametrizations.weight.original1": (768, 48, 128),
    }
    shapes |= layer("encoder.layer_norm", 768)
    for i in range(12):
        at = f"encoder.layers.{i}."
        for name in ("k_proj", "v_proj", "q_proj", "out_proj"):
            shapes |= layer(f"{at}self_attn.{name}", 768, 768)
        shapes |= layer(f"{at}self_attn_layer_norm", 768) | layer(f"{at}final_layer_norm", 768)
        shapes |= layer(f"{at}fc1", 3072, 768) | layer(f"{at}fc2", 768, 3072)
    return shapes


def ecg_fm_pretrained():
    heads = {"mask_emb": (768,), "quantizer.vars": (1, 640, 128)} | layer("quantizer.weight_proj", 640, 256)
    return wav2vec() | heads | layer("project_q", 256, 256) | layer("final_proj", 256, 768)


def ecg_fm_finetuned():
    return under("encoder.", wav2vec()) | layer("proj", 17, 768)


def csfm(d, depth, heads, mlp):
    shapes = {
        "cls_token": (1, 1, d),
        "ts_channel_type_embedding": (1, 13, d),
        "text_type_embedding": (1, 1, d),
        "ts_pos_embedding": (1, 100, d),
        "text_pos_embedding": (1, 64, d),
    }
    shapes |= layer("ts_to_patch_embedding.1", 25) | layer("ts_to_patch_embedding.2", d, 25)
    shapes |= layer("ts_to_patch_embedding.3", d) | layer("transformer.norm", d) | layer("mlp_head", 1, d)
    shapes |= layer("text_to_embedding.0", 30522, d, bias=False) | layer("text_to_embedding.1", d)
    for i in range(depth):
        at = f"transformer.layers.{i}"
        shapes |= layer(f"{at}.0.norm", d) | layer(f"{at}.0.to_qkv", 3 * 64 * heads, d, bias=False)
        shapes |= layer(f"{at}.0.to_out.0", d, 64 * heads) | layer(f"{at}.1.net.0", d)
        shapes |= layer(f"{at}.1.net.1", mlp, d) | layer(f"{at}.1.net.4", d, mlp)
    return shapes


def target(shapes):
    return under("target_encoder.", shapes)


# Teacher, container in the file, names and shapes, SHA-256 of the authors' own, parameters of our network.
PUBLISHED = {
    "ecgfounder": ("ecgfounder", "state_dict", net1d(), "b3d510030a8dccfd", 30_819_014),
    "jepa-weimann-xs": ("jepa-weimann", "model", target(weimann(192, 8)), "30031e072d1e8ad1", 3_600_000),
    "jepa-weimann-s": ("jepa-weimann", "model", target(weimann(384, 8)), "94703ea7d4194eb2", 14_277_888),
    "jepa-weimann-b": ("jepa-weimann", "model", target(weimann(768, 12)), "a4b14e47b8b064f1", 85_185_024),
    "jepa-kim": ("jepa-kim", "encoder", kim(), "9b8bc1856e34df28", 85_374_720),
    "merl": ("merl", None, merl(), "a56ef9871dd0e266", 114_270_858),
    "merl-encoder": ("merl", None, resnet18(), "2d2988d9b667308c", 3_853_962),
    "ecg-fm-pretrained": ("ecg-fm", "model", ecg_fm_pretrained(), "79256519471440be", 90_373_248),
    "ecg-fm-finetuned": ("ecg-fm", "model", ecg_fm_finetuned(), "fa66fed50eca073a", 90_386_321),
    "csfm-tiny": ("csfm", None, under("encoder.", csfm(768, 6, 8, 1024)), "f81521587617596f", 42_511_154),
    "csfm-base": ("csfm", None, under("encoder.", csfm(768, 12, 12, 3072)), "2bad9d6d1b6465c2", 108_629_810),
    "csfm-large": (
        "csfm",
        None,
        under("encoder.", csfm(1024, 16, 24, 4096)),
        "242cf2e3e4b4e602",
        266_515_506,
    ),
}
files = pytest.mark.parametrize("file", PUBLISHED)


def digest(shapes) -> str:
    lines = "\n".join(sorted(f"{name} {list(shape)}" for name, shape in shapes.items()))
    return hashlib.sha256(lines.encode()).hexdigest()[:16]


def checkpoint(file, change=lambda state: state):
    """A published file with tensors that have a shape and no memory."""
    _, container, shapes, *_ = PUBLISHED[file]
    state = change({name: torch.empty(shape, device="meta") for name, shape in shapes.items()})
    return {container: state} if container else state


def adapt(file, change=lambda state: state):
    return TEACHERS[PUBLISHED[file][0]].from_checkpoint(checkpoint(file, change), "weights.pt")


@files
def test_names_and_shapes_are_those_of_the_authors(file):
    _, _, shapes, expected, _ = PUBLISHED[file]
    assert digest(shapes) == expected


@files
def test_a_published_state_dict_fits_and_has_the_published_size(file):
    teacher = adapt(file)
    assert sum(p.numel() for p in teacher.net.parameters()) == PUBLISHED[file][4]
    assert not any(p.requires_grad for p in teacher.net.parameters())
    assert not teacher.net.training


def test_ecg_fm_has_its_published_size_with_what_only_the_pretraining_needs():
    assert sum(np.prod(shape) for shape in ecg_fm_pretrained().values()) == 90_883_072  # 90.9 million


@files
def test_what_does_not_fit_is_named(file):
    names = list(PUBLISHED[file][2])
    victim = names[len(names) // 2]
    head = victim.partition(".")[0]
    below = victim.removeprefix("target_encoder.").removeprefix("encoder.")

    def drop(state):
        return {name: value for name, value in state.items() if name != victim}

    def swap(state):
        return state | {victim: torch.empty(3, 5, device="meta")}

    def add(state):
        return state | {f"{head}.stranger": torch.empty(1, device="meta")}

    for change, complaint in (
        (drop, f"missing: .*{below}"),
        (swap, rf"of another shape: .*{below} \[3, 5\] for "),
        (add, r"not expected: .*stranger"),
    ):
        with pytest.raises(ExportError, match=complaint):
            adapt(file, change)


def test_a_long_list_of_faults_is_cut():
    with pytest.raises(ExportError, match=r"missing: .* and 503 more; not expected: fc.bias, fc.weight\."):
        ECGFounder.from_checkpoint({k: torch.empty(s) for k, s in layer("fc", 2, 3).items()}, "other.pt")


def test_the_name_that_data_parallel_leaves_is_dropped():
    adapt("merl-encoder", lambda state: {f"module.{name}": value for name, value in state.items()})


def test_weight_norm_of_older_torch_is_understood():
    old = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}

    def rename(state):
        for new, name in old.items():
            state[f"conv_pos.pos_conv.0.{name}"] = state.pop(f"conv_pos.pos_conv.0.{new}")
        return state

    adapt("ecg-fm-pretrained", rename)


def test_a_buffer_of_older_transformers_is_left_out():
    ids = torch.empty(1, 512, device="meta")
    adapt("merl", lambda state: state | {"lm_model.embeddings.position_ids": ids})


def test_jepa_of_weimann_wants_its_target_encoder_and_its_heads():
    with pytest.raises(ExportError, match="no target_encoder"):
        WeimannJepa.from_checkpoint({"model": {"encoder.norm.weight": torch.empty(192)}}, "finetuned.pt")
    with pytest.raises(ExportError, match=r"100 wide; the published sizes are ViT-XS 192"):
        WeimannJepa.from_checkpoint({"target_encoder.norm.weight": torch.empty(100)}, "x.pt")
    state = checkpoint("jepa-weimann-s")
    assert WeimannJepa.from_checkpoint(state | {"config": {"num_heads": 6}}, "x.pt")
    with pytest.raises(ExportError, match="says it has 8 attention heads; ViT-S has 6"):
        WeimannJepa.from_checkpoint(state | {"config": {"num_heads": 8}}, "x.pt")


def test_csfm_of_no_published_size_is_refused():
    with pytest.raises(ExportError, match=r"Tiny, Base, Large.*net\.1\.weight is missing"):
        TEACHERS["csfm"].from_checkpoint({"norm.weight": torch.empty(768)}, "x.pt")


# --- the same numbers as the authors' code


def fill_by_name(net):
    """Weights that only depend on the name and the place in the tensor."""
    with torch.no_grad():
        for name, value in net.state_dict().items():
            if value.is_floating_point():
                k = torch.arange(value.numel(), dtype=torch.float64)
                wave = (k * 12.9898 + zlib.crc32(name.encode()) % 1000).sin() * 43758.5453
                one = name.endswith("running_var") or (value.ndim == 1 and name.endswith("weight"))
                value.copy_((0.1 * (wave - wave.floor() - 0.5)).reshape(value.shape) + one)
    return net.eval()


def signal(leads, n):
    t = torch.arange(n) / 100
    return torch.stack([(t * (i + 1)).sin() + 0.3 * (t * 7.3 + i).cos() for i in range(leads)])[None]


def small_bert():
    return Bert(Size(vocabulary=40, ffn=64, depth=1, positions=16))


# The first four numbers of the embedding and of the logits.
GOLDEN = {
    "ecgfounder": ([0.03199, -0.009043, -0.001983, 0.041765], [-0.187134, -0.024217, 0.099673, -0.155175]),
    "weimann": ([-0.065452, 0.315401, 0.128784, -1.102467], None),
    "kim": ([-0.843716, -0.406614, -0.698605, -0.383902], None),
    "merl-ecg": [0.050205, -0.002057, 0.003367, -0.024534],
    "merl-text": [-0.050148, 0.043457, 0.106447, -0.100549],
    "merl": ([0.064707, 4.5e-05, 0.075398, 0.10878], None),
    "csfm": ([-1.499254, 1.340533, -1.10319, 0.941044], None),
    "ecg-fm": ([-1.117011, 0.054592, -0.326118, -0.827193], [-0.742528, -0.868547, 0.19561, -0.10252]),
}


@pytest.mark.parametrize(
    ("name", "net", "leads", "n"),
    [
        ("ecgfounder", Net1D, 12, 5000),
        ("weimann", lambda: VisionTransformer(192, 8, 4), 12, 5000),
        ("kim", lambda: MaskTransformer(64, 2, 4), 8, 2500),
        ("merl", ResNet18, 12, 5000),
        ("ecg-fm", lambda: Wav2Vec(17, depth=1), 12, 2500),
        ("csfm", lambda: Csfm(CsfmSize(128, 2, 3, 64)), 12, 2500),
    ],
)
def test_the_network_gives_the_numbers_of_the_authors_code(name, net, leads, n):
    with torch.no_grad():
        outputs = fill_by_name(net())(signal(leads, n))
    for output, expected in zip(outputs, GOLDEN[name], strict=True):
        if expected is None:
            assert output is None
        else:
            torch.testing.assert_close(output[0, :4], torch.tensor(expected), rtol=1e-4, atol=1e-5)


def test_both_towers_of_merl_give_the_numbers_of_the_authors_code():
    net = fill_by_name(EcgClip(small_bert()))
    ids, mask = torch.tensor([[2, 7, 9, 3, 0, 0]]), torch.tensor([[1, 1, 1, 1, 0, 0]])
    with torch.no_grad():
        text = net.text(ids, mask)
        net.prompts = torch.eye(256)
        _, ecg = net(signal(12, 5000))
    torch.testing.assert_close(ecg[0, :4], torch.tensor(GOLDEN["merl-ecg"]), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(text[0, :4], torch.tensor(GOLDEN["merl-text"]), rtol=1e-4, atol=1e-5)


def test_kim_looks_along_the_lead_and_across_the_leads():
    allowed = cross_pattern(leads=3, patches=4)
    assert allowed.shape == (12, 12)
    assert allowed[5].nonzero().flatten().tolist() == [1, 4, 5, 6, 7, 9]  # lead 1, time 1


# --- preprocessing


def ecg(n=1000, fs=100.0, leads=12):
    t = np.arange(n)[:, None] / fs
    beat = np.exp(-(((t % 0.8) - 0.4) ** 2) / 2e-4)
    return (beat * np.linspace(0.4, 1.6, leads) + 0.1 * np.sin(2 * np.pi * 0.2 * t)).astype(np.float32)


def silent(teacher):
    """A teacher without a network: only its preprocessing."""
    return TEACHERS[teacher](torch.nn.Identity())


@pytest.mark.parametrize(("fs", "to", "wanted"), [(100, 500, 5000), (500, 250, 2500), (360, 500, 5000)])
def test_the_rate_is_converted_and_the_length_kept(fs, to, wanted):
    t = np.arange(round(10 * fs))[:, None] / fs
    y = prepare.to_rate(np.sin(2 * np.pi * 5 * t).astype(np.float32), fs, to)
    expected = np.sin(2 * np.pi * 5 * np.arange(wanted) / to)
    assert y.shape == (wanted, 1)
    inner = slice(wanted // 10, -wanted // 10)
    assert np.abs(y[inner, 0] - expected[inner]).max() < 5e-3
    assert np.isfinite(y).all()


@pytest.mark.parametrize(
    ("teacher", "shape"),
    [
        ("ecgfounder", (1, 12, 5000)),
        ("jepa-weimann", (1, 12, 5000)),
        ("jepa-kim", (1, 8, 2500)),
        ("merl", (1, 12, 5000)),
        ("ecg-fm", (2, 12, 2500)),
        ("csfm", (1, 12, 2500)),
    ],
)
def test_ten_seconds_become_the_windows_of_the_model(teacher, shape):
    model = silent(teacher)
    x = model.prepare(prepare.to_rate(ecg(), 100, model.fs))
    assert x.shape == shape
    assert x.dtype == np.float32
    assert x.shape[-1] == model.fs * model.seconds


def test_ecgfounder_filters_as_its_authors_and_scales_all_leads_together():
    from scipy import signal as sig

    x = ecg(5000, 500.0).astype(np.float64)
    y = np.empty_like(x)
    for lead in range(12):
        z = sig.filtfilt(*sig.iirnotch(50, 30, 500), x[:, lead])
        z = sig.filtfilt(*sig.butter(N=4, Wn=[0.67, 40], btype="bandpass", fs=500), z)
        y[:, lead] = z - sig.medfilt(z, 201)
    expected = (y - y.mean()) / (y.std() + 1e-8)
    np.testing.assert_allclose(silent("ecgfounder").prepare(x.astype(np.float32))[0].T, expected, atol=1e-4)


def test_weimann_scales_by_the_statistics_of_ptbxl_and_clips():
    x = np.zeros((5000, 12), np.float32)
    x[:, 1], x[:, 7] = 0.330, 9.0
    out = silent("jepa-weimann").prepare(x)[0]
    assert out[1, 0] == pytest.approx((0.330 - MEAN[1]) / STD[1])
    assert out[7, 0] == 5.0


def test_kim_takes_eight_leads_in_millivolts():
    x = np.tile(np.arange(12, dtype=np.float32), (2500, 1))
    assert silent("jepa-kim").prepare(x)[0, :, 0].tolist() == [0, 1, 6, 7, 8, 9, 10, 11]


def test_merl_scales_to_one_range_and_has_avf_before_avl():
    x = np.tile(np.arange(12, dtype=np.float32), (5000, 1))
    out = silent("merl").prepare(x)[0, :, 0]
    np.testing.assert_allclose(out * 11, [0, 1, 2, 3, 5, 4, 6, 7, 8, 9, 10, 11], atol=1e-5)


def test_ecg_fm_standardises_each_lead_of_the_recording_before_it_cuts():
    x = ecg(5000, 500.0)
    x[:, 3] = 0.1
    out = np.concatenate(silent("ecg-fm").prepare(x), axis=1)
    others = np.delete(out, 3, axis=0)
    np.testing.assert_allclose(others.mean(1), 0, atol=1e-5)
    np.testing.assert_allclose(others.std(1), 1, atol=1e-4)
    assert np.abs(out[3]).max() < 1e-6  # a constant lead is silent


def test_csfm_cleans_as_neurokit():
    neurokit = pytest.importorskip("neurokit2", reason="the peers extra is not installed")
    x = ecg(2500, 250.0).astype(np.float64)
    expected = np.stack([neurokit.ecg_clean(lead, sampling_rate=250) for lead in x.T], axis=1)
    np.testing.assert_allclose(clean(x, 250.0), expected, atol=1e-9)


def test_csfm_standardises_each_lead():
    out = silent("csfm").prepare(ecg(2500, 250.0))[0]
    np.testing.assert_allclose(out.mean(1), 0, atol=1e-5)
    np.testing.assert_allclose(out.std(1), 1, atol=1e-4)


@pytest.mark.parametrize(
    ("samples", "fs", "why"),
    [
        (ecg(leads=8), 100.0, r"takes samples \[n, 12\] of I, II.*; got \[1000, 8\]"),
        (ecg(400), 100.0, r"looks at 10 s at a time; got 4 s \(400 samples at 100 Hz\)"),
        (np.where(np.arange(1000)[:, None] == 500, np.nan, ecg()), 100.0, "no missing samples"),
    ],
)
def test_what_a_teacher_cannot_judge_is_refused(samples, fs, why):
    teacher = adapt("jepa-weimann-xs")
    with pytest.raises(SignalError, match=why):
        teacher(samples, fs)


# --- from the file to the answer


@pytest.fixture(scope="module")
def founder_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "12_lead_ECGFounder.pth"
    state = fill_by_name(Net1D()).state_dict()
    torch.save({"state_dict": state, "step": 7, "val_auroc": np.float64(0.9)}, path)
    return path


def test_from_file_to_answer(founder_file):
    teacher = load_teacher("ecgfounder", founder_file)
    two = np.stack([ecg(), ecg()[::-1]])
    both = teacher(two, 100.0)
    assert both.embedding.shape == (2, 1024)
    assert both.logits.shape == (2, 150)
    assert both.labels == LABELS
    assert (LABELS[1], LABELS[5], LABELS[-1]) == (
        "NORMAL SINUS RHYTHM",
        "ATRIAL FIBRILLATION",
        "MULTIFOCAL ATRIAL TACHYCARDIA",
    )
    one = teacher(two[1], 100.0)
    np.testing.assert_allclose(one.embedding, both.embedding[1], atol=1e-5)
    np.testing.assert_allclose(one.logits, both.logits[1], atol=1e-5)
    assert np.abs(both.logits[0] - both.logits[1]).max() > 1e-3


def test_a_longer_recording_is_judged_by_its_whole_windows():
    teacher = WeimannJepa(fill_by_name(VisionTransformer(192, 8, 4)))
    x = ecg(2500)
    parts = [teacher(x[i : i + 1000], 100.0).embedding for i in (0, 1000)]
    said = teacher(x, 100.0)
    assert said.logits is None
    assert said.labels == ()
    np.testing.assert_allclose(said.embedding, np.mean(parts, axis=0), atol=0.02)


def test_ecg_fm_brings_its_segments_together_as_its_authors_do():
    logits = torch.randn(2, 3, 17, generator=torch.Generator().manual_seed(1))
    _, pooled = EcgFm(torch.nn.Identity(), tuple(STATEMENTS)).pool(torch.zeros(2, 3, 4), logits)
    p = torch.sigmoid(logits)
    names = list(STATEMENTS)
    rhythm, pvc = names.index("Sinus rhythm"), names.index("Premature ventricular contraction")
    torch.testing.assert_close(torch.sigmoid(pooled[:, rhythm]), p[:, :, rhythm].mean(1))
    torch.testing.assert_close(torch.sigmoid(pooled[:, pvc]), p[:, :, pvc].amax(1))


class Payload:
    def __reduce__(self):
        return print, ("a checkpoint has run code",)


def test_files_that_are_no_weights_are_refused(tmp_path, founder_file, capsys):
    with pytest.raises(ExportError, match="there is no teacher 'resnet'; there are ecgfounder, jepa-w"):
        load_teacher("resnet", founder_file)
    with pytest.raises(ExportError, match=r"there are no weights at .*nowhere\.pth: download"):
        load_teacher("ecgfounder", tmp_path / "nowhere.pth")
    text = tmp_path / "page.pth"
    text.write_text("<!doctype html><title>Sign in</title>")
    with pytest.raises(ExportError, match="is not a checkpoint"):
        load_teacher("ecgfounder", text)
    short = tmp_path / "short.pth"
    short.write_bytes(founder_file.read_bytes()[:100_000])
    with pytest.raises(ExportError, match="is not a checkpoint"):
        load_teacher("ecgfounder", short)
    torch.save({"state_dict": {}, "note": Payload()}, tmp_path / "evil.pth")
    with pytest.raises(ExportError, match="holds more than tensors and plain values"):
        load_teacher("ecgfounder", tmp_path / "evil.pth")
    assert "has run code" not in capsys.readouterr().out
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(ExportError, match="holds a list, not a dict"):
        load_teacher("ecgfounder", tmp_path / "list.pth")


# --- the text tower of MERL

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "at", "##rial", "fib", "##rill", "##ation", ",", "nor", "##mal"]


@pytest.fixture
def vocab(tmp_path):
    path = tmp_path / "vocab.txt"
    path.write_text("\n".join(PIECES) + "\n")
    return path


def test_word_pieces(vocab):
    ids = vocabulary(vocab)
    assert [PIECES[i] for i in encode("Atrial Fibrillation, NÓRMAL ecg", ids, 20)] == [
        *("[CLS]", "at", "##rial", "fib", "##rill", "##ation", ",", "nor", "##mal", "[UNK]", "[SEP]"),
    ]
    assert len(encode("normal " * 50, ids, 20)) == 20


def test_word_pieces_are_those_of_the_tokenizers_package(vocab):
    tokenizers = pytest.importorskip("tokenizers", reason="the tokenizers package is not installed")
    theirs = tokenizers.BertWordPieceTokenizer(str(vocab), lowercase=True)
    for text in ("Atrial fib-rillation, NÓRMAL_at", "at  rial;nor", "at.rial? (fibation)", "1st AV-block"):
        assert encode(text, vocabulary(vocab), 256) == theirs.encode(text).ids


def test_prompts_make_a_head(vocab):
    teacher = Merl(fill_by_name(EcgClip(small_bert())))
    assert teacher(ecg(), 100.0).logits is None
    teacher.ask({"AFIB": "atrial fibrillation", "NORM": "normal"}, vocab)
    said = teacher(ecg(), 100.0)
    assert said.labels == ("AFIB", "NORM")
    assert said.embedding.shape == (512,)
    assert np.abs(said.logits).max() <= 1


def test_prompts_need_both_towers_and_a_vocabulary(vocab, tmp_path):
    with pytest.raises(ExportError, match=r"prompts need res18_best_ckpt\.pth"):
        Merl(ResNet18()).ask({"AFIB": "atrial fibrillation"}, vocab)
    teacher = Merl(EcgClip(small_bert()))
    with pytest.raises(ExportError, match="cannot read the vocabulary"):
        teacher.ask({"AFIB": "atrial fibrillation"}, tmp_path / "nowhere.txt")
    vocab.write_text("one\ntwo\n")
    with pytest.raises(ExportError, match=r"it lacks \[CLS\], \[PAD\], \[SEP\], \[UNK\]"):
        teacher.ask({"AFIB": "atrial fibrillation"}, vocab)


# --- answers for a student


def test_answers_are_kept_row_for_row(data, tmp_path):
    from export.teachers.public.answers import answer

    teacher = WeimannJepa(fill_by_name(VisionTransformer(192, 1, 4)))
    with np.load(answer(teacher, data, tmp_path)) as held:
        assert sorted(held.files) == ["embedding", "labels"]
        rows = data.rows(range(1, 9))
        assert held["embedding"].shape == (len(rows), 192)
        last = teacher(data.millivolts(rows[-1:])[0].T, 100.0)
        np.testing.assert_allclose(held["embedding"][-1], last.embedding, atol=2e-3)
