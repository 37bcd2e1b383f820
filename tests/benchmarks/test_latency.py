import json

import numpy as np
import pytest

from benchmarks import board, latency
from wearecg.doctor.board import THROTTLED
from wearecg.models import available, load_card
from wearecg.models.card import card_path

FIELDS = {
    "model",
    "precision",
    "runtime",
    "engine",
    "threads",
    "rounds",
    "p50_ms",
    "p99_ms",
    "max_ms",
    "cpu_ms",
    "core_fraction",
    "streams_per_core",
    "cold_start_s",
    "rss_loaded_mb",
    "rss_mb",
    "bytes",
    "parameters",
    "mmac",
    "times",
    "hot_ms",
    "hot_times",
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("latency")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(latency, "COLD_STARTS", 1)
        patch.setattr(latency, "HOT_BLOCKS", 2)
        latency.main(["--rounds", "3", "--no-peers", "--out", str(folder)])
    return folder / "latency.json"


def test_every_form_of_every_shipped_model_is_measured_or_named_as_absent(run):
    found = json.loads(run.read_text())
    forms = {f"{name} {f.precision} {f.runtime}" for name in available() for f in load_card(name).files}
    assert forms <= set(found["rows"]) | set(found["absent"])
    assert {"encoder int8 onnx, 2 threads", "encoder int8 onnx, live window"} <= set(found["rows"])


def test_a_row_states_everything_and_adds_up(run):
    row = json.loads(run.read_text())["rows"]["encoder int8 onnx"]
    card = load_card("encoder")
    assert set(row) == FIELDS
    assert row["rounds"] == 3
    assert 0 < row["p50_ms"] <= row["p99_ms"] <= row["max_ms"]
    assert row["core_fraction"] == pytest.approx(row["cpu_ms"] / 1e3)
    assert row["streams_per_core"] == int(1e3 / row["cpu_ms"])
    assert (row["parameters"], row["mmac"]) == (card.parameters, card.mmac)
    assert row["bytes"] == (card_path("encoder").parent / "encoder.int8.onnx").stat().st_size
    assert row["cold_start_s"] > 0
    assert row["times"] is row["hot_times"] is None
    assert row["hot_ms"] > 0


def test_a_bare_process_is_measured_where_the_system_tells(run):
    row = json.loads(run.read_text())["rows"]["encoder int8 onnx"]
    if row["rss_mb"] is None:
        pytest.skip("no /proc here")
    assert 10 < row["rss_loaded_mb"] <= row["rss_mb"] * 1.05
    assert row["rss_mb"] < 1000


def test_compare_prints_ratios_and_what_only_one_file_has(run):
    earlier = json.loads(run.read_text())
    rows = {name: dict(row) for name, row in earlier["rows"].items()}
    earlier["board"]["model"] = "Raspberry Pi 5 Model B Rev 1.0"
    earlier["rows"]["encoder int8 onnx"]["p50_ms"] = rows["encoder int8 onnx"]["p50_ms"] / 3
    earlier["rows"]["another"] = earlier["rows"].pop("encoder fp32 onnx")
    first, heads, *lines = latency.comparison(rows, earlier).splitlines()
    assert first == "This run / Raspberry Pi 5 Model B Rev 1.0"
    assert heads.split()[0] == "p50_ms"
    by_name = {line[:34].strip(): line[34:].split() for line in lines}
    assert by_name["encoder int8 onnx"][:2] == ["3.00", "1.00"]
    assert by_name["encoder fp32 onnx"][0] == "not"
    assert by_name["another"] == ["not", "in", "this", "run"]
    assert by_name["encoder int8 onnx, 2 threads"][3] == "-"


@pytest.mark.parametrize("content", ["no json", "[]", '{"rows": {}}', None])
def test_compare_refuses_another_file_before_it_measures(tmp_path, capsys, content):
    path = tmp_path / "other.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SystemExit):
        latency.main(["--compare", str(path)])
    assert "is not a latency.json" in capsys.readouterr().err


def test_heavy_candidates_are_called_every_tenth_round_and_the_order_changes():
    calls = []
    candidates = [
        latency.Candidate(name, lambda i, name=name: calls.append((i, name)), {}, heavy=name == "heavy")
        for name in ("a", "b", "heavy")
    ]
    times = latency.measure(candidates, 20, np.random.default_rng(0))
    assert {name: len(found) for name, found in times.items()} == {"a": 20, "b": 20, "heavy": 2}
    rounds = calls[3 * latency.WARM_UP :]
    assert [i for i, name in rounds if name == "heavy"] == [0, 10]
    orders = {tuple(name for j, name in rounds if j == i and name != "heavy") for i in range(20)}
    assert orders == {("a", "b"), ("b", "a")}


def test_the_board_of_this_machine():
    described, state = board.describe(), board.state()
    assert set(described) == {"model", "flags", "governor"}
    assert set(described["flags"]) <= set(board.FLAGS)
    assert set(state) == {"mhz", "temperature_c", "throttled", "load"}
    assert "\n" not in board.line(described, state, state)


def test_a_raspberry_pi_is_named_with_its_heat(tmp_path):
    for path, content in {
        board.MODEL: "Raspberry Pi 5 Model B Rev 1.0\0",
        "proc/cpuinfo": "processor\t: 0\nFeatures\t: fp asimd evtstrm asimdhp asimddp\n",
        board.GOVERNOR: "ondemand\n",
        board.CLOCK: "2400000\n",
        board.TEMPERATURE: "61750\n",
        THROTTLED: "50005\n",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(content)
    described, state = board.describe(tmp_path), board.state(tmp_path)
    assert described == {
        "model": "Raspberry Pi 5 Model B Rev 1.0",
        "flags": ["asimd", "asimdhp", "asimddp"],
        "governor": "ondemand",
    }
    assert (state["mhz"], state["temperature_c"]) == (2400, 61.8)
    assert state["throttled"] == [
        "under-voltage now",
        "throttled now",
    ]
    assert "throttled now" in board.line(described, state, state)


def test_nothing_known_is_said_to_be_unknown(tmp_path):
    described = board.describe(tmp_path)
    assert described == {"model": None, "flags": [], "governor": None}
    assert board.line(described, board.state(tmp_path), board.state(tmp_path)).startswith("board not known")


@pytest.mark.parametrize(
    ("name", "parameters", "mmac"),
    [("xresnet1d101", 1.84e6, 162), ("inception1d", 0.49e6, 471), ("ECGFounder Net1D", 30.8e6, 1169)],
)
def test_reference_networks_have_their_published_size(name, parameters, mmac):
    pytest.importorskip("torch")
    pytest.importorskip("onnx")
    from benchmarks.reference_nets import NETS, cost

    make, leads, length = NETS[name]
    found, macs = cost(make(), leads, length)
    assert found == pytest.approx(parameters, rel=0.02)
    assert macs == pytest.approx(mmac * 1e6, rel=0.02)


def test_a_reference_network_runs_in_onnx_runtime_as_in_torch(tmp_path):
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnxscript")
    from benchmarks import reference_nets

    net = reference_nets.write("inception1d", tmp_path)
    run = latency._session(tmp_path / "inception1d.onnx", "onnx", "onnxruntime", threads=1)
    x = np.random.default_rng(0).normal(size=(1, 12, 1000)).astype(np.float32)
    (logits,) = run(x)
    torch.manual_seed(reference_nets.SEED)
    with torch.no_grad():
        expected = reference_nets.inception1d().eval()(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(logits, expected, atol=1e-4)
    assert net["bytes"] > 4 * net["parameters"]
