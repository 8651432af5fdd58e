"""What counts as a pass, and that each layer finds a store on a disk that forgets."""

import json
import random
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.crash import Enough, Losses
from tests.crash.__main__ import main
from tests.crash.defects import seed_defect
from tests.crash.errnos import ACTIONS, Sweep, Way
from tests.crash.explorer import STORIES, Explorer
from tests.crash.layers import FLOORS, LAYERS, Done, complaints_about, summary
from tests.crash.model import Fault, ModelDisk
from tests.crash.scenarios import Clear, Killed, Life, Loss, Restart, Save, Trouble
from tests.crash.seeded import DEFECTS, Edit
from tests.crash.states import QUICK, Image
from tests.crash.terminals import FILE, TERMINALS, Terminal

# -- the verdict ----------------------------------------------------------------------------------


def good(layer: str) -> Done:
    counts = {LAYERS[layer]: FLOORS[LAYERS[layer]], "losses": 0}
    return Done(layer=layer, counts=counts | ({"defects_caught": 10} if layer == "defects" else {}))


def test_all_layers_at_their_floors_without_a_loss_are_a_pass() -> None:
    done = [good(layer) for layer in LAYERS]
    assert complaints_about(done, ci=True) == []
    assert summary(done, seed=5) == {"seed": 5, **FLOORS, "defects_caught": 10, "losses": 0}


@pytest.mark.parametrize("layer", LAYERS)
def test_one_loss_anywhere_is_a_failure(layer: str) -> None:
    lost = Done(layer=layer, counts={**good(layer).counts, "losses": 1})
    assert complaints_about([lost], ci=False) == [f"{layer}: 1 losses"]
    assert summary([lost, good("kills")], seed=1)["losses"] == 1


@pytest.mark.parametrize("layer", LAYERS)
def test_less_than_has_to_be_tried_is_a_failure(layer: str) -> None:
    name = LAYERS[layer]
    few = Done(layer=layer, counts={**good(layer).counts, name: FLOORS[name] - 1})
    assert complaints_about([few], ci=False)
    assert complaints_about([Done(layer=layer, counts={"losses": 0})], ci=False)


def test_a_defect_not_caught_is_a_failure() -> None:
    missed = Done(layer="defects", counts={"defects_seeded": 28, "defects_caught": 27, "losses": 0})
    assert complaints_about([missed], ci=False) == ["defects: 1 of 28 defects not caught"]


def test_a_layer_may_be_left_out_at_home_but_not_in_ci() -> None:
    done = [Done(layer="ext4", counts={}, left_out=True, why="no loop devices")]
    assert complaints_about(done, ci=False) == []
    assert complaints_about(done, ci=True) == ["ext4: may not be left out in CI"]
    assert summary(done, seed=1)["left_out"] == ["ext4"]


def test_a_layer_that_breaks_is_a_failure_everywhere() -> None:
    done = [Done(layer="ext4", counts={}, why="KeyError()")]
    assert complaints_about(done, ci=False) == ["ext4: broke"]
    assert summary(done, seed=1)["broke"] == ["ext4"]


def test_the_command_prints_one_line_of_counts(capfd: pytest.CaptureFixture[str]) -> None:
    status = main(["--only", "flips", "--seed", "3"])
    out, err = capfd.readouterr()
    counts = json.loads(out)
    assert status == 0, err
    assert counts["seed"] == 3
    assert counts["losses"] == 0
    assert counts["bit_flips"] >= FLOORS["bit_flips"]
    assert "flips:" in err


def test_of_each_kind_of_loss_the_first_are_shown_and_all_are_counted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    losses = Losses("here", seed=9)
    for number in range(100):
        losses.add(f"file, save, at state {number}: loads {number}, legal: 3")
    losses.add("file, clear, at state 1: loads 1, legal: 3")
    assert losses.count == 101
    shown = capsys.readouterr().err.splitlines()
    assert shown[0] == "here: LOSS (seed 9) file, save, at state 0: loads 0, legal: 3"
    assert len(shown) == 4
    assert "file, clear" in shown[-1]


def test_the_first_loss_may_end_it() -> None:
    with pytest.raises(Enough):
        Losses("here", seed=9, first_only=True).add("one")


# -- the layers find what there is to find --------------------------------------------------------


class Forgetful(ModelDisk):
    """A card that lies: of the flushes it reports, it does those of a creation only."""

    def fdatasync(self, fd: int) -> None:
        self.fstat(fd)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lying(Terminal):
    def disk(self, image: Image) -> ModelDisk:
        return Forgetful(image, directories=("/state", "/keys"), direct=self.direct)


LYING = Lying(name="lying", direct=False)
SAVE = next(story for story in STORIES if story.name == "save")
SECOND = next(action for action in ACTIONS if action.name == "second save")


def test_the_explorer_finds_a_disk_that_forgets_and_nothing_on_one_that_does_not() -> None:
    for terminal, found in ((FILE, False), (LYING, True)):
        losses = Losses("explorer", seed=1)
        explorer = Explorer(losses=losses, seed=1)
        explorer.tell(terminal, SAVE, QUICK)
        assert explorer.states > 20
        assert bool(losses.count) is found


def test_the_explorer_is_the_same_again_with_the_same_seed() -> None:
    states = []
    for _ in range(2):
        explorer = Explorer(losses=Losses("explorer", seed=1), seed=1)
        explorer.tell_disturbed(FILE, SAVE, QUICK)
        explorer.go_on()
        states.append(explorer.states)
    assert states[0] == states[1] > 300


def test_the_sweep_finds_a_disk_that_forgets_and_nothing_on_one_that_does_not() -> None:
    for terminal, found in ((FILE, False), (LYING, True)):
        losses = Losses("errnos", seed=1)
        sweep = Sweep(terminal, SECOND, losses=losses, seed=1)
        calls = sweep.singly(Way(name="EIO", fault=Fault(error=5)))
        assert calls > 10
        assert sweep.runs == calls
        assert bool(losses.count) is found


# -- a life ---------------------------------------------------------------------------------------


def life(terminal: Terminal = FILE) -> Life:
    begun = Life(terminal, random.Random(1))
    begun.play(Restart())
    return begun


@pytest.mark.parametrize("terminal", TERMINALS, ids=lambda terminal: terminal.name)
def test_what_may_be_recovered_follows_what_was_started_and_acknowledged(
    terminal: Terminal,
) -> None:
    grants = life(terminal)
    during: set[frozenset[int | str | None]] = set()
    grants.on_point = lambda life, _: during.add(life.legal)
    grants.play(Save(1))
    assert grants.legal == {1}
    assert any({None, 1} <= legal for legal in during)
    during.clear()
    grants.play(Save(2), Trouble(at=range(1, 1000), fault=Fault(error=5, kept=4)))
    assert grants.legal >= {1, 2}
    grants.play(Save(3))
    assert grants.legal == {3}
    grants.play(Clear())
    assert grants.legal == {None}


def test_a_killed_process_leaves_both_and_calls_nothing_any_more() -> None:
    grants = life()
    grants.play(Save(1))
    trouble = Trouble(at=range(4, 1000), fault=None)
    assert not grants.play(Save(2), trouble)
    assert grants.legal == {1, 2}
    with pytest.raises(Killed):
        trouble("close")
    grants.play(Restart())
    grants.play(Save(3))
    assert grants.legal == {3}


def test_a_state_that_holds_another_grant_is_a_loss() -> None:
    grants = life()
    grants.play(Save(1))
    older = grants.disk.durable
    grants.play(Save(2))
    assert grants.check(grants.disk.durable) == 2
    with pytest.raises(Loss, match="loads 1, legal: 2"):
        grants.check(older)


def test_a_healthy_save_that_is_refused_is_a_loss() -> None:
    grants = life()
    grants.play(Save(1))
    grants.disk.faults = lambda name: Fault(error=28) if name == "pwrite" else None
    with pytest.raises(Loss, match="refused without a reason"):
        grants.play(Save(2))


# -- defects --------------------------------------------------------------------------------------


def test_a_defect_whose_text_is_not_there_once_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text("one\ntwo\ntwo\n")
    seed_defect(tmp_path, Edit("code.py", "one\n", "three\n"))
    assert (tmp_path / "code.py").read_text() == "three\ntwo\ntwo\n"
    for text, count in (("two\n", 2), ("four\n", 0)):
        with pytest.raises(RuntimeError, match=f"has {count} times, not once"):
            seed_defect(tmp_path, Edit("code.py", text, ""))


def test_every_defect_still_has_a_place_in_the_product(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    for defect in DEFECTS:
        for edit in defect.edits:
            copy = tmp_path / edit.file
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text((root / edit.file).read_text())
            seed_defect(tmp_path, edit)
            assert copy.read_text() != (root / edit.file).read_text()
            compile(copy.read_text(), edit.file, "exec")
