"""Protocols are hashed by everything in them, survive a file, and refuse what is not there."""

import json
import os
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from noises.adversarial.apgd import APGD
from noises.adversarial.autoattack import AutoAttack
from noises.adversarial.fab import FAB
from noises.adversarial.gradient import GradientAttack
from noises.adversarial.minimum_norm import DDN, CarliniWagner
from noises.adversarial.plan import Plan
from noises.adversarial.square import Square
from noises.adversarial.table import ATTACKS, describe
from noises.natural.table import NATURAL_NOISES
from noises.presets import PROTOCOLS, find_protocol, gradient_attacks, quick, scaled_l2
from noises.protocol import Protocol
from noises.protocol_file import read_protocol
from noises.system import REFERENCE, SYSTEM_NOISES
from noises.system.inference import INFERENCE_NOISES

EVERY = pytest.mark.parametrize(
    "protocol",
    [make(size) for make in PROTOCOLS.values() for size in (16, 32, 224)],
    ids=lambda p: f"{p.name}-{p.size}",
)
SMALL = Protocol(
    name="mine",
    size=16,
    natural=("fog", "snow"),
    severities=(1, 3),
    system=(REFERENCE, "pillow_box"),
    attacks=gradient_attacks((4 / 255,), (0.3,), steps=5),
)
CHANGES = {
    "inference": ("int8",),
    "transfer": gradient_attacks((4 / 255,), (0.3,), steps=5)[:1],
    "name": "other",
    "size": 24,
    "natural": ("snow", "fog"),
    "severities": (1, 2),
    "system": (REFERENCE,),
    "attacks": SMALL.attacks[:2],
    "attacked": 199,
    "recalibration": 255,
    "batch": 401,
    "plan": Plan(batch=128),
    "seed": 1,
    "keep": ("prediction",),
    "note": "why",
    "sequences": ("rotate",),
}


@EVERY
def test_preset_protocol_is_sound(protocol):
    assert protocol.system[0] == REFERENCE
    assert set(protocol.system) <= set(SYSTEM_NOISES)
    assert set(protocol.natural) <= set(NATURAL_NOISES)
    assert {a.norm for a in protocol.attacks} >= {"linf", "l2"}
    for attack in protocol.attacks:
        assert (np.diff((0.0, *attack.budgets)) > 0).all()
        if isinstance(attack, GradientAttack):
            assert attack.steps * attack.step >= 1  # the edge of the ball can be reached
    assert set(protocol.inference) <= set(INFERENCE_NOISES)


def test_quick_is_part_of_standard():
    for size in (16, 32):
        small, large = (PROTOCOLS[name](size) for name in ("quick", "standard"))
        assert set(small.natural) <= set(large.natural)
        assert set(small.severities) <= set(large.severities)
        budgets = {attack.name: set(attack.budgets) for attack in large.attacks}
        for attack in small.attacks:
            assert set(attack.budgets) <= budgets[attack.name]


@pytest.mark.parametrize("field", [f.name for f in fields(Protocol)])
def test_hash_changes_with_every_field(field):
    changed = replace(SMALL, **{field: CHANGES[field]})
    assert changed.hash != SMALL.hash
    assert replace(changed, **{field: getattr(SMALL, field)}).hash == SMALL.hash


ATTACK_CHANGES = {
    "name": "mim", "norm": "l2", "budgets": (0.1,), "steps": 6, "step": 0.25,
    "random_start": False, "source": "?", "decay": 1.0, "target": "least_likely", "samples": 2,
    "restarts": 3,
}  # fmt: skip


@pytest.mark.parametrize("field", [f.name for f in fields(GradientAttack)])
def test_hash_changes_with_every_field_of_an_attack(field):
    pgd = SMALL.attacks[1]
    attack = replace(pgd, **{field: ATTACK_CHANGES.get(field)})
    assert attack != pgd
    assert (
        replace(SMALL, attacks=(SMALL.attacks[0], attack)).hash
        != replace(SMALL, attacks=SMALL.attacks[:2]).hash
    )


@pytest.mark.parametrize(
    "change",
    [{"batch": 64}, {"nested": False}, {"leave": False}, {"last": True}, {"probes": False}],
    ids=str,
)
def test_hash_changes_with_every_field_of_the_plan(change):
    assert replace(SMALL, plan=replace(SMALL.plan, **change)).hash != SMALL.hash
    assert len(fields(Plan)) == 5


def test_hash_covers_the_constants_of_natural_and_system_noises():
    data = json.loads(SMALL.to_json())
    assert data["natural_parameters"]["fog"] == [
        NATURAL_NOISES["fog"].constants(severity, 16) for severity in (1, 3)
    ]
    assert [v["resizer"] for v in data["system_parameters"]] == ["pillow_bilinear", "pillow_box"]


def test_hash_is_the_same_in_another_process():
    code = "from noises.presets import quick, standard; print(quick(16).hash, standard(32).hash)"
    root = Path(__file__).parent.parent
    environment = os.environ | {"PYTHONHASHSEED": "7", "PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [PROTOCOLS["quick"](16).hash, PROTOCOLS["standard"](32).hash]


@EVERY
def test_protocol_survives_a_file(protocol, tmp_path):
    path = tmp_path / "protocol.json"
    path.write_text(protocol.to_json())
    again = read_protocol(path, quick(protocol.size))
    assert again == protocol
    assert again.hash == protocol.hash
    assert find_protocol(str(path), protocol.size) == protocol


def test_fields_that_a_file_leaves_out_are_those_of_quick(tmp_path):
    path = tmp_path / "few.json"
    path.write_text(json.dumps({"natural": ["fog"], "attacked": 50}))
    wanted = replace(quick(32), name="few", natural=("fog",), attacked=50)
    assert read_protocol(path, quick(32)) == wanted


def test_whole_numbers_in_a_file_are_floats_where_floats_are_meant(tmp_path):
    path, attack = tmp_path / "a.json", GradientAttack("a", "l2", (1.0, 2.0), 2, 1.0, True, "")
    written = describe(attack) | {"budgets": [1, 2], "step": 1}
    path.write_text(json.dumps({"name": "a", "attacks": [written]}))
    assert (
        read_protocol(path, quick(16)).hash == replace(quick(16), name="a", attacks=(attack,)).hash
    )


KINDS = (
    GradientAttack("pgd", "l1", (1.0, 2.0), 2, 1.0, True, "", restarts=2, target="runner_up"),
    APGD("apgd", "l2", (0.5,), 10, "", loss="dlr"),
    FAB("fab", "linf", (0.5,), 10, ""),
    Square("square", (0.5,), 10, ""),
    DDN("ddn", (0.5,), 10, ""),
    CarliniWagner("cw", (0.5,), 10, ""),
    AutoAttack("autoattack", (0.5,), "", version="rand"),
)


@pytest.mark.parametrize("attack", KINDS, ids=lambda a: a.kind)
def test_attack_of_every_kind_survives_a_file(tmp_path, attack):
    assert {a.kind for a in KINDS} == set(ATTACKS)
    protocol = replace(quick(16), attacks=(attack,))
    path = tmp_path / "a.json"
    path.write_text(protocol.to_json())
    assert read_protocol(path, quick(16)) == protocol


ATTACK = {"name": "a", "norm": "linf", "budgets": [0.1], "steps": 1, "step": 1.0,
          "random_start": False, "source": ""}  # fmt: skip
REFUSED = {
    "no JSON": ("{", "Expecting property name"),
    "list": ("[]", r"Protocol must be a JSON object; got '\[\]'"),
    "field": ('{"noise": []}', r"Protocol\.noise must be one of its fields; .* Fields: name, size"),
    "noise": ('{"natural": ["rain"]}', r"Protocol\.natural must be among gauss.*; got 'rain'"),
    "text": ('{"natural": "fog"}', r"Protocol\.natural must be a list; got 'fog'"),
    "twice": ('{"natural": ["fog", "fog"]}', r"Protocol\.natural must have distinct names; got"),
    "variant": ('{"system": ["system_reference", "gif"]}', r"Protocol\.system .*; got 'gif'"),
    "reference": ('{"system": ["pillow_box"]}', r"Protocol\.system must begin with system_refer"),
    "severity": ('{"severities": [1, 6]}', r"Protocol\.severities must be integers from 1 to 5"),
    "order": ('{"severities": [3, 1]}', r"Protocol\.severities must be .* ascending; got \(3, 1\)"),
    "real": ('{"severities": [1.5]}', r"Protocol\.severities must be of type int; got \[1\.5\]"),
    "count": ('{"attacked": 0}', r"Protocol\.attacked must be an integer of at least 1; got 0"),
    "type": ('{"batch": "400"}', r"Protocol\.batch must be of type int; got '400'"),
    "truth": ('{"seed": true}', r"Protocol\.seed must be of type int; got True"),
    "keep": ('{"keep": ["logits"]}', r"Protocol\.keep must be among prediction, confidence; got"),
    "kept": ('{"keep": ["prediction", "prediction"]}', r"Protocol\.keep must have distinct names"),
    "seed": ('{"seed": -1}', r"Protocol\.seed must be an integer of at least 0; got -1"),
    "size": ('{"size": 32}', r"Protocol\.size must be that of the images, 16; got 32"),
    "plan": ('{"plan": {"lanes": 4}}', r"Plan\.lanes must be one of its fields; .*batch, nested"),
    "batch": ('{"plan": {"batch": 100}}', r"Plan\.batch must be a positive multiple of 32; got 1"),
    "attack": ('{"attacks": [{"name": "a"}]}', r"GradientAttack\.norm must be there; got none"),
    "same": (json.dumps({"attacks": [ATTACK, ATTACK]}), r"Protocol\.attacks must have distinct"),
    "budget": (
        json.dumps({"attacks": [ATTACK | {"budgets": [8]}]}),
        r"GradientAttack\.budgets must be positive, ascending .* 8/255",
    ),
    "word": (
        json.dumps({"attacks": [ATTACK | {"budgets": ["8"]}]}),
        r"GradientAttack\.budgets must be of type float; got \['8'\]",
    ),
    "NaN": (
        json.dumps({"attacks": [ATTACK | {"step": float("nan")}]}),
        r"GradientAttack\.step must be finite; got nan",
    ),
    "kind": (
        json.dumps({"attacks": [ATTACK | {"kind": "magic"}]}),
        r"Protocol\.attacks\.kind must be one of gradient, apgd, .*; got 'magic'",
    ),
    "listed kind": (
        json.dumps({"attacks": [ATTACK | {"kind": []}]}),
        r"Protocol\.attacks\.kind must be one of gradient, apgd, .*; got \[\]",
    ),
    "lacks": (
        json.dumps({"attacks": [{"kind": "square", "name": "a", "budgets": [0.1]}]}),
        r"Square\.queries must be there; got none",
    ),
}


@pytest.mark.parametrize(("text", "message"), REFUSED.values(), ids=list(REFUSED))
def test_file_that_describes_no_protocol_is_refused_in_one_line(text, message, tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        find_protocol(str(path), 16)
    assert str(caught.value).startswith(f"Protocol.file must describe a protocol; got {path}: ")
    assert "\n" not in str(caught.value)


def test_missing_file_and_unknown_name_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"^Protocol\.file must .*none\.json.*No such file"):
        find_protocol(str(tmp_path / "none.json"), 16)
    with pytest.raises(ValueError, match=r"^Protocol\.name must be one of quick, .*; got 'quik'"):
        find_protocol("quik", 16)


def test_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "mine.json"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"^Protocol\.file must describe a protocol"):
        read_protocol(path, quick(16))


def test_euclidean_budgets_scale_with_the_root_of_the_number_of_values():
    assert scaled_l2(0.5, 224) == 0.5
    assert scaled_l2(0.5, 112) == 0.25
    assert scaled_l2(2.0, 32) == pytest.approx(2.0 * 32 / 224)


def test_gradient_attacks_step_two_and_a_half_budgets_in_all():
    fgsm, linf, l2 = gradient_attacks((0.01, 0.02), (0.5,), steps=20)
    assert (fgsm.steps, fgsm.step, fgsm.random_start) == (1, 1.0, False)
    assert fgsm.budgets == linf.budgets == (0.01, 0.02)
    assert l2.budgets == (0.5,)
    for attack in (linf, l2):
        assert attack.random_start
        assert attack.steps * attack.step == pytest.approx(2.5)


@pytest.mark.parametrize("part", ["attacks", "transfer"])
@pytest.mark.parametrize(
    "name", ["natural", "adversarial", "fog", "int8", "pillow_box", "natural_x"]
)
def test_attack_with_the_name_of_a_noise_or_an_outcome_is_refused(part, name):
    attack = replace(SMALL.attacks[0], name=name)
    with pytest.raises(ValueError, match=rf"must not be named as a noise.*; got '{name}'"):
        replace(SMALL, **{part: (attack,)})


def test_natural_noises_without_severities_are_refused():
    with pytest.raises(ValueError, match=r"^Protocol\.severities must be at least one"):
        replace(SMALL, severities=())


def test_number_that_no_float_can_hold_is_refused_in_one_line(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"attacks": [ATTACK | {"budgets": [10**400]}]}))
    with pytest.raises(ValueError, match=r"Protocol\.file must describe .* too large"):
        read_protocol(path, quick(16))
