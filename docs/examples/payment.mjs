// A payment with pos-agent, in Node 18 or newer, without packages.
//
//     node payment.mjs pay https://connect.secucard.com/api/v2 1250
//     node payment.mjs events
//
// Exit codes: 0 paid; 1 not paid; 2 wrong usage; 3 nobody knows: look the payment up before the
// customer pays again. A refused token costs nothing: the agent is told, and the call is repeated
// once with the next one.

import { once } from "node:events";
import http from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

const SOCKET = process.env.POS_AGENT_SOCKET || "/run/pos-agent/token.sock";
const [PAID, NOT_PAID, USAGE, UNKNOWN] = [0, 1, 2, 3];
const PAYMENT = 150; // s; how long the cardholder may take
const HOLD = 180; // s; longer than a payment, with what comes before. The agent grants up to 300
const SILENCE = 45; // s; the stream of events has a sign of life every 15
const LOOKS = 3; // a second apart, for what became of a payment

/** Nothing was paid. */
class NotPaid extends Error {}

// -- the agent ------------------------------------------------------------------------------------

/** The head of the agent's answer; it is still to be read. */
async function request(method, path, { headers = {}, body = "", timeout = 40 } = {}) {
  const asking = http.request({ socketPath: SOCKET, method, path, headers, timeout: timeout * 1000 });
  asking.on("timeout", () => asking.destroy(new Error(`silent for ${timeout} s`)));
  asking.end(body);
  const [answer] = await once(asking, "response");
  return answer;
}

async function ask(method, path, options) {
  try {
    const answer = await request(method, path, options);
    let text = "";
    for await (const piece of answer.setEncoding("utf8")) text += piece;
    return { status: answer.statusCode, body: text ? JSON.parse(text) : {} };
  } catch (error) {
    throw new NotPaid(`no agent at ${SOCKET}: ${error.message}`);
  }
}

async function token(method, path, options) {
  const { status, body } = await ask(method, path, options);
  if (status !== 200) throw new NotPaid(`no token: ${body.title}: ${body.detail}`);
  return body;
}

/** A token that is not renewed while the cardholder pays; the hold ends with this process. */
async function holdToken() {
  const held = await token("GET", `/v1/token?hold=${HOLD}&ends_with=process`, {
    headers: { Prefer: "wait=10" },
  });
  if (held.hold.less) console.error(`held for ${held.hold.expires_in} s: ${held.hold.less}`);
  return held;
}

/** Any token that is valid by now: a question needs no hold. */
function anyToken() {
  return token("GET", "/v1/token?min_ttl=10");
}

/** The API refused this token. The current one, which is the same if there is no other. */
function report({ fingerprint }) {
  const body = JSON.stringify({ fingerprint });
  const headers = { "Content-Type": "application/json" };
  return token("POST", "/v1/token/rejected", { headers, body });
}

/** The API refused this token: the next one, held; null if there is no other. */
async function nextToken(refused) {
  const successor = await report(refused);
  return successor.fingerprint === refused.fingerprint ? null : holdToken();
}

// -- the API --------------------------------------------------------------------------------------

class Api {
  constructor(base, held) {
    this.base = base;
    this.held = held;
  }

  /** `refused`: the token was, on the way, whether or not the next one helped. */
  async post(path, body = null) {
    let answer = await this.#send(this.held, "POST", path, body, PAYMENT);
    const refused = await tokenRefused(answer);
    const next = refused ? await nextToken(this.held) : null;
    if (next !== null) {
      this.held = next;
      answer = await this.#send(this.held, "POST", path, body, PAYMENT);
    }
    return { answer, refused };
  }

  /** With a token of its own. If that is refused, the next question has another one. */
  async get(path) {
    const asking = await anyToken();
    const answer = await this.#send(asking, "GET", path, null, 10);
    if (await tokenRefused(answer)) await report(asking);
    return answer;
  }

  #send({ access_token }, method, path, body, timeout) {
    return fetch(this.base + path, {
      method,
      headers: {
        Authorization: `Bearer ${access_token}`,
        "Content-Type": "application/json",
      },
      body: body && JSON.stringify(body),
      redirect: "error",
      signal: AbortSignal.timeout(timeout * 1000),
    });
  }
}

/** RFC 6750 section 3.1 says 401; Secucard says 403 with the code 2003. */
async function tokenRefused(answer) {
  if (answer.status !== 403) return answer.status === 401;
  const body = await answer.clone().json().catch(() => ({}));
  return body.code === 2003;
}

async function pay(base, cents) {
  const api = new Api(base, await holdToken());
  try {
    return await start(api, await create(api, cents));
  } finally {
    // 404 if it is over: just as well.
    await ask("DELETE", `/v1/holds/${api.held.hold.id}`, { timeout: 5 }).catch(() => {});
  }
}

async function create(api, cents) {
  const { answer } = await api.post("/Smart/Transactions", {
    basket_info: { sum: cents, currency: "EUR" },
  });
  const { id } = answer.status === 200 ? await answer.json() : {};
  if (typeof id !== "string") throw new NotPaid(`the API answered ${answer.status}`);
  return id;
}

function no(why) {
  console.error(`not paid: ${why}`);
  return NOT_PAID;
}

/** Ask the cardholder; the answer comes when that is done. */
async function start(api, payment) {
  const path = `/Smart/Transactions/${payment}`;
  let status;
  try {
    const { answer, refused } = await api.post(`${path}/start/cashless`);
    // A "no" is one only if the token was not refused: by then the cardholder may have begun.
    if (answer.status >= 400 && answer.status < 500 && !refused) return no(answer.status);
    if (answer.status !== 200) throw new Error(`the API answered ${answer.status}`);
    ({ status } = await answer.json());
    if (typeof status !== "string") throw new Error("the answer has no status");
  } catch (error) {
    console.error(`no answer: ${error.cause?.message ?? error.message}`);
    status = await lookUp(api, path);
  }
  if (status === null) {
    console.error(`nobody knows: look up ${payment} before the customer pays again`);
    return UNKNOWN;
  }
  if (status !== "ok") return no(status);
  console.log(`paid ${payment}`);
  return PAID;
}

/** How a payment ended, if nobody told; null while the cardholder may be at it. */
async function lookUp(api, path) {
  for (let i = 0; i < LOOKS; i++) {
    await sleep(1000);
    try {
      const answer = await api.get(path);
      const { status } = answer.status === 200 ? await answer.json() : {};
      if (status === "ok" || status === "failed") return status;
    } catch (error) {
      console.error(`no answer: ${error.cause?.message ?? error.message}`);
    }
  }
  return null;
}

// -- events ---------------------------------------------------------------------------------------

/** Print what changes, over restarts of the agent, until this program is stopped or refused. */
async function events() {
  let lastId = "";
  for (;;) {
    let status = 0;
    try {
      const headers = lastId ? { "Last-Event-ID": lastId } : {};
      const answer = await request("GET", "/v1/events", { headers, timeout: SILENCE });
      status = answer.statusCode;
      if (status !== 200) {
        answer.destroy();
        throw new Error(`the agent answered ${status}`);
      }
      let kind = "";
      for await (const line of lines(answer)) {
        if (line.startsWith("id: ")) lastId = line.slice(4);
        else if (line.startsWith("event: ")) kind = line.slice(7);
        else if (line.startsWith("data: ")) console.log(kind, line.slice(6));
      }
    } catch (error) {
      console.error(`no events: ${error.message}`);
    }
    if (status >= 400 && status < 500 && status !== 429) return NOT_PAID; // so it always will
    await sleep(1000);
  }
}

async function* lines(answer) {
  let rest = "";
  for await (const piece of answer.setEncoding("utf8")) {
    const found = (rest + piece).split("\n");
    rest = found.pop();
    yield* found;
  }
}

// -------------------------------------------------------------------------------------------------

/** A token goes over TLS, or to this machine. */
const isSafe = (url) => /^(https:\/\/|http:\/\/(127\.0\.0\.1|localhost)[:/])/.test(url);

async function main([what, base, cents, ...more]) {
  if (what === "events" && base === undefined) return events();
  if (what === "pay" && isSafe(base) && /^[1-9][0-9]*$/.test(cents) && more.length === 0) {
    return pay(base, Number(cents));
  }
  console.error("usage: payment.mjs pay https://API CENTS | payment.mjs events");
  return USAGE;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(`not paid: ${error.cause?.message ?? error.message}`);
  process.exitCode = NOT_PAID;
}
