"""Few lines say of every token handed out to whom: none is lost, and nobody floods the log."""

from dataclasses import replace

from agent.supply.audit import HandOut, HandOuts, Repeats

NOW = 1000.0
FIRST, SECOND = "sha256:0000000000000001", "sha256:0000000000000002"
TILL = HandOut(client="till", uid=7, pid=41, fingerprint=FIRST, life_left=900.0)
Lines = list[HandOut | Repeats]


def ask(hand_outs: HandOuts, handed: HandOut, times: int, now: float = NOW) -> Lines:
    """The lines of so many hand-outs."""
    return [line for _ in range(times) for line in hand_outs.note(handed, now)]


def repeats(times: int, unnamed: int = 0, seconds: float = 0.0, client: str = "till") -> Repeats:
    return Repeats(client=client, fingerprint=FIRST, times=times, unnamed=unnamed, seconds=seconds)


def test_the_first_hand_out_has_a_line_and_the_repeats_one_sum_at_the_next_token() -> None:
    hand_outs = HandOuts()
    assert ask(hand_outs, TILL, 8) == [TILL]
    renewed = replace(TILL, fingerprint=SECOND)
    assert hand_outs.note(renewed, NOW + 40) == (repeats(7, seconds=40), renewed)
    assert ask(hand_outs, renewed, 1, NOW + 50) == []


def test_a_token_handed_out_once_has_no_sum() -> None:
    hand_outs = HandOuts()
    ask(hand_outs, TILL, 1)
    renewed = replace(TILL, fingerprint=SECOND)
    assert hand_outs.note(renewed, NOW + 40) == (renewed,)


def test_a_second_process_of_a_client_has_a_line_of_its_own() -> None:
    hand_outs, other = HandOuts(), replace(TILL, pid=42)
    same_number = replace(TILL, uid=8)  # of another user of that client
    assert ask(hand_outs, TILL, 2) == [TILL]
    assert ask(hand_outs, other, 2) == [other]
    assert ask(hand_outs, same_number, 2) == [same_number]
    assert hand_outs.only(None, NOW) == (repeats(3),)


def test_whoever_goes_on_asking_is_summed_up_every_five_minutes() -> None:
    hand_outs = HandOuts()
    lines = [line for at in range(900) for line in ask(hand_outs, TILL, 1, NOW + at)]
    assert lines == [TILL, repeats(299, seconds=300), TILL, repeats(299, seconds=300), TILL]


def test_a_script_in_a_loop_costs_few_lines_though_each_call_is_another_process() -> None:
    hand_outs = HandOuts()
    calls = [replace(TILL, pid=pid) for pid in range(100)]
    lines = [line for call in calls for line in hand_outs.note(call, NOW)]
    assert lines == calls[:4]
    assert ask(hand_outs, calls[0], 1) == []
    assert hand_outs.only(None, NOW) == (repeats(97, unnamed=96),)


def test_a_token_that_is_over_is_summed_up_though_nobody_asks_for_the_next() -> None:
    hand_outs, kiosk = HandOuts(), replace(TILL, client="kiosk")
    ask(hand_outs, TILL, 3)
    ask(hand_outs, kiosk, 2)
    assert hand_outs.only(FIRST, NOW + 9) == ()
    sums = (repeats(2, seconds=10), repeats(1, seconds=10, client="kiosk"))
    assert hand_outs.only(SECOND, NOW + 10) == sums
    assert hand_outs.only(None, NOW + 11) == ()


def test_every_hand_out_is_a_line_or_in_a_sum_however_many_clients_there_are() -> None:
    hand_outs = HandOuts()
    crowd = [replace(TILL, client=f"uid:{n}") for n in range(600)]
    lines = [line for one in crowd for line in ask(hand_outs, one, 3)]
    assert len(hand_outs._spells) == 256
    lines += hand_outs.only(None, NOW)
    counted = sum(line.times if isinstance(line, Repeats) else 1 for line in lines)
    assert counted == 1800
