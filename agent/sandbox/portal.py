"""The merchant's portal as pages: who waits, type the code, yes or no.

Plain HTML that needs neither JavaScript nor anything from elsewhere. Pure: values in, text out.
Everything a device or a person sent is escaped.
"""

from html import escape

from agent.sandbox.world import Code, Options, Session, World, device_id

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --accent: #0a6a5c; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2.5rem auto;
  padding: 0 1rem }
h1 { font-size: 1.5rem; margin-bottom: 0 } h2 { font-size: 1.1rem; margin-top: 2.2rem }
p.sub { margin-top: .1rem; opacity: .7 }
table { width: 100%; border-collapse: collapse } th { text-align: left; font-weight: 600 }
th, td { padding: .55rem .6rem .55rem 0; border-bottom: 1px solid var(--line) }
code, input.code { font-family: ui-monospace, monospace }
input.code { font-size: 1.6rem; letter-spacing: .15em; width: 13ch; padding: .3rem .5rem }
label { display: block; margin: 1.2rem 0 .3rem; font-weight: 600 }
select { font: inherit; padding: .35rem }
button, a.button { font: inherit; display: inline-block; padding: .45rem 1.2rem;
  margin-right: .6rem; border: 1px solid var(--accent); border-radius: .4rem;
  text-decoration: none; cursor: pointer;
  background: none; color: inherit }
button.yes, a.button { background: var(--accent); color: #fff }
.note { border-left: .3rem solid var(--accent); padding: .5rem .9rem; background: #8881 }
.bad { border-color: #b3261e }
"""


def waiting_page(world: World, options: Options, *, now: float, done: str = "") -> str:
    """The list of waiting devices, then the paired ones; a browser asks again every 3 s."""
    codes = [code for code in world.codes if code.waits(now)]
    rows = "".join(_waiting_row(code, now) for code in codes)
    waiting = (
        f"<table><tr><th>Device</th><th>Since</th><th>Time left</th><th></th></tr>{rows}</table>"
        if codes
        else "<p>No device is waiting. This list looks again every 3 seconds.</p>"
    )
    devices = [s for s in world.sessions if s.subject != options.client_id]
    paired = "".join(_paired_row(session) for session in devices) or "<p>None yet.</p>"
    if devices:
        paired = (
            "<table><tr><th>Device</th><th>Merchant</th><th>Renewals</th></tr>"
            + paired
            + "</table>"
        )
    note = f'<p class="note">{escape(done)}</p>' if done else ""
    return _page(
        "Waiting devices",
        f"{note}<h2>Waiting for approval</h2>{waiting}<h2>Paired</h2>{paired}",
        refresh=True,
    )


def approval_page(code: Code, options: Options, *, now: float, trouble: str = "") -> str:
    """The form for one picked device."""
    merchants = "".join(f"<option>{escape(name)}</option>" for name in options.merchants)
    warning = f'<p class="note bad" role="alert">{escape(trouble)}</p>' if trouble else ""
    return _page(
        "Approve a device",
        f"""<p>Device <code>{escape(code.uuid)}</code>, {_minutes(code.expires_at - now)} left.
Enter only a code you read yourself on this device's display.</p>{warning}
<form method="post" action="/portal/{device_id(code.uuid)}">
<label for="code">Code on the display</label>
<input class="code" id="code" name="user_code" maxlength="16" autocomplete="off"
 autocapitalize="off" spellcheck="false" autofocus required>
<label for="merchant">It belongs to</label>
<select id="merchant" name="merchant">{merchants}</select>
<p><button class="yes" name="verdict" value="approve">Approve</button>
<button name="verdict" value="deny">Deny</button> <a href="/portal">back</a></p>
</form>""",
    )


def gone_page() -> str:
    """The picked device no longer waits."""
    return _page(
        "This device is not waiting",
        "<p>Its code was used, denied or has expired. When its display shows a new code it is in "
        'the list again.</p><p><a class="button" href="/portal">Waiting devices</a></p>',
    )


def _waiting_row(code: Code, now: float) -> str:
    return (
        f"<tr><td><code>{escape(code.uuid)}</code></td><td>{_minutes(now - code.asked_at)}</td>"
        f"<td>{_minutes(code.expires_at - now)}</td>"
        f'<td><a class="button" href="/portal/{device_id(code.uuid)}">Enter code</a></td></tr>'
    )


def _paired_row(session: Session) -> str:
    return (
        f"<tr><td><code>{escape(session.subject)}</code></td>"
        f"<td>{escape(session.merchant)}</td><td>{session.renewals}</td></tr>"
    )


def _minutes(seconds: float) -> str:
    return f"{int(seconds // 60)} min" if seconds >= 60 else f"{max(0, int(seconds))} s"


def _page(title: str, body: str, *, refresh: bool = False) -> str:
    again = '<meta http-equiv="refresh" content="3; url=/portal">' if refresh else ""
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width">{again}
<title>{escape(title)} · sandbox</title><style>{_STYLE}</style></head>
<body><h1>Merchant portal</h1><p class="sub">pos-agent sandbox: an imitation, no real merchants</p>
{body}</body></html>
"""
