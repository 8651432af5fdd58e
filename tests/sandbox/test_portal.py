"""The portal's pages: what is on them, and that nothing from outside breaks out of its place."""

from agent.sandbox import portal
from agent.sandbox.world import Approved, Code, Options, Session, World, device_id

EVIL = '/vendor/<script>"&/serial/1'
NOW = 1000.0


def code(uuid: str = "/vendor/a/serial/1", asked_at: float = NOW - 65) -> Code:
    return Code(
        uuid=uuid, device_code="secret-device-code", user_code="abcfgh23", asked_at=asked_at,
        expires_at=asked_at + 1200, interval=5,
    )  # fmt: skip


def test_the_list_shows_who_waits_how_long_and_where_to_go() -> None:
    page = portal.waiting_page(World(codes=(code(),)), Options(), now=NOW)
    assert "/vendor/a/serial/1" in page
    assert "1 min" in page
    assert "18 min" in page
    assert f'href="/portal/{device_id("/vendor/a/serial/1")}"' in page


def test_no_page_shows_a_code_the_person_has_to_type() -> None:
    world, options = World(codes=(code(),)), Options()
    pages = portal.waiting_page(world, options, now=NOW) + portal.approval_page(
        code(), options, now=NOW
    )
    assert "abcfgh23" not in pages
    assert "secret-device-code" not in pages


def test_an_empty_list_says_so_and_looks_again() -> None:
    page = portal.waiting_page(World(), Options(), now=NOW)
    assert "No device is waiting" in page
    assert 'http-equiv="refresh"' in page
    assert "None yet" in page


def test_expired_and_decided_codes_are_not_listed() -> None:
    old = code(asked_at=NOW - 1200)
    decided = Code(
        uuid="/vendor/b", device_code="d", user_code="u", asked_at=NOW, expires_at=NOW + 9,
        interval=5, verdict=Approved(merchant="m"),
    )  # fmt: skip
    page = portal.waiting_page(World(codes=(old, decided)), Options(), now=NOW)
    assert "No device is waiting" in page


def test_paired_devices_are_listed_with_their_merchant_and_clients_are_not() -> None:
    options = Options()
    sessions = tuple(
        Session(subject=subject, merchant=merchant, opened_at=0, access_token="hidden")
        for subject, merchant in (("/vendor/a", "Café"), (options.client_id, "Nobody"))
    )
    page = portal.waiting_page(World(sessions=sessions), options, now=NOW)
    assert "/vendor/a" in page
    assert "Café" in page
    assert "Nobody" not in page
    assert "hidden" not in page


def test_everything_from_outside_is_escaped() -> None:
    world = World(
        codes=(code(EVIL),),
        sessions=(Session(subject=EVIL, merchant="<b>", opened_at=0),),
    )
    options = Options(merchants=("<i>",))
    page = portal.waiting_page(world, options, now=NOW, done="<u>")
    page += portal.approval_page(code(EVIL), options, now=NOW, trouble="<s>")
    for raw in ("<script>", "<b>", "<i>", "<u>", "<s>"):
        assert raw not in page
    assert "&lt;script&gt;&quot;&amp;" in page


def test_the_form_has_no_refresh_that_would_empty_it() -> None:
    page = portal.approval_page(code(), Options(), now=NOW)
    assert "http-equiv" not in page
    assert 'role="alert"' not in page


def test_trouble_is_said_beside_the_form() -> None:
    page = portal.approval_page(code(), Options(), now=NOW, trouble="That is wrong")
    assert '<p class="note bad" role="alert">That is wrong</p>' in page


def test_the_last_minute_is_counted_in_seconds_and_never_below_zero() -> None:
    last = code(asked_at=NOW - 1200 + 59.5)
    assert ", 59 s left" in portal.approval_page(last, Options(), now=NOW)
    over = code(asked_at=NOW - 1300)
    assert ", 0 s left" in portal.approval_page(over, Options(), now=NOW)


def test_pages_need_nothing_from_elsewhere() -> None:
    pages = portal.gone_page() + portal.waiting_page(World(), Options(), now=NOW)
    for reference in ("http://", "https://", "<script", "src=", "@import", "url("):
        assert reference not in pages
