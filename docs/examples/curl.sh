#!/bin/sh
# A payment with pos-agent, in sh with curl and jq.
#
#     curl.sh pay https://connect.secucard.com/api/v2 1250
#     curl.sh events
#
# Exit codes: 0 paid; 1 not paid; 2 wrong usage; 3 nobody knows: look the payment up before the
# customer pays again. A refused token costs nothing: the agent is told, and the call is repeated
# once with the next one.
set -eu

SOCKET=${POS_AGENT_SOCKET:-/run/pos-agent/token.sock}
PAYMENT=150 # s; how long the cardholder may take
HOLD=180    # s; longer than a payment, with what comes before. The agent grants up to 300
LOOKS='1 2 3' # a second apart, for what became of a payment
NOT_PAID=1 USAGE=2 UNKNOWN=3

complain() {
  printf '%s\n' "$*" >&2
}

# Of the last answer: what jq finds in its body, or nothing, and the HTTP status in its last line.
answer=
find() {
  printf '%s' "$answer" | sed '$d' | jq -r "$1 // empty" 2> /dev/null || true
}
status() {
  printf '%s' "$answer" | tail -n 1
}

# -- the agent ------------------------------------------------------------------------------------

agent() { # METHOD PATH [CURL OPTION...]
  method=$1 path=$2
  shift 2
  curl --silent --show-error --noproxy '*' --unix-socket "$SOCKET" --max-time 40 \
    --request "$method" --write-out '\n%{http_code}' "$@" "http://localhost$path"
}

# A token that is not renewed while the cardholder pays. The connection and the process that ask
# are curl's and over at once, so the hold ends when it is released, or with its time.
hold=
hold_token() {
  answer=$(agent GET "/v1/token?hold=$HOLD" --header 'Prefer: wait=10') || {
    complain "no agent at $SOCKET"
    return 1
  }
  if [ "$(status)" != 200 ]; then
    complain "no token: $(find .title): $(find .detail)"
    return 1
  fi
  token=$(find .access_token) fingerprint=$(find .fingerprint) hold=$(find .hold.id)
  [ -n "$token" ] && [ -n "$fingerprint" ] && [ -n "$hold" ] || return 1
  [ -z "$(find .hold.less)" ] || complain "held for less than $HOLD s: $(find .hold.less)"
}

release() { # 404 if it is over: just as well
  [ -z "$hold" ] || agent DELETE "/v1/holds/$hold" --max-time 5 > /dev/null 2>&1 || true
}

# Any token that is valid by now: a question needs no hold.
any_token() {
  answer=$(agent GET '/v1/token?min_ttl=10') || return 1
  [ "$(status)" = 200 ] || return 1
  token=$(find .access_token) fingerprint=$(find .fingerprint)
}

# The API refused this token. Fails if there is no other.
report() {
  answer=$(agent POST /v1/token/rejected --header 'Content-Type: application/json' \
    --data "{\"fingerprint\":\"$fingerprint\"}") || return 1
  [ "$(status)" = 200 ] && [ "$(find .fingerprint)" != "$fingerprint" ]
}

# -- the API --------------------------------------------------------------------------------------

# The token goes through a pipe: everybody can see a command line.
get() { # PATH [CURL OPTION...]
  path=$1
  shift
  answer=$(printf 'Authorization: Bearer %s' "$token" |
    curl --silent --show-error --max-time 10 --header @- --write-out '\n%{http_code}' \
      "$@" "$api$path")
}
post() { # PATH BODY
  get "$1" --max-time "$PAYMENT" --header 'Content-Type: application/json' --data "$2"
}

# RFC 6750 section 3.1 says 401; Secucard says 403 with the code 2003.
token_refused() {
  [ "$(status)" = 401 ] || { [ "$(status)" = 403 ] && [ "$(find .code)" = 2003 ]; }
}

call() { # PATH BODY; fails where no answer came
  refused=
  post "$1" "$2" || return
  if token_refused; then
    refused=$answer
    if report && hold_token; then post "$1" "$2"; else answer=$refused; fi
  fi
}

# How a payment ended, if nobody told. Fails while the cardholder may be at it. Each question has a
# token of its own: if that is refused, the next one has another.
look_up() { # PATH
  for _ in $LOOKS; do
    sleep 1
    any_token || continue
    get "$1" || continue
    case "$(status) $(find .status)" in
      '200 ok' | '200 failed') return ;;
    esac
    if token_refused; then report || true; fi
  done
  return 1
}

pay() { # CENTS
  trap release EXIT
  trap 'exit $UNKNOWN' HUP INT TERM
  hold_token || return $NOT_PAID
  if ! call /Smart/Transactions "{\"basket_info\":{\"sum\":$1,\"currency\":\"EUR\"}}"; then
    return $NOT_PAID
  fi
  payment=$(find .id)
  if [ "$(status)" != 200 ] || [ -z "$payment" ]; then
    complain "not paid: $(status)"
    return $NOT_PAID
  fi
  call "/Smart/Transactions/$payment/start/cashless" '' || true # until the cardholder is done
  known=
  case "$(status) $(find .status)" in
    '200 '?*) known=yes ;;
    # A "no" is one only if the token was not refused: by then the cardholder may have begun.
    4*) [ -n "$refused" ] || known=yes ;;
  esac
  if [ -z "$known" ] && ! look_up "/Smart/Transactions/$payment"; then
    complain "nobody knows: look up $payment before the customer pays again"
    return $UNKNOWN
  fi
  if [ "$(status) $(find .status)" != '200 ok' ]; then
    complain "not paid: $(status) $(find .status)"
    return $NOT_PAID
  fi
  echo "paid $payment"
}

# -- events ---------------------------------------------------------------------------------------

# Print what changes, over restarts of the agent, until this program is stopped or refused. curl
# cannot tell a dead agent from a silent one, so it begins anew every ten minutes, where it was.
events() {
  kept=$(mktemp -d)
  trap 'rm -rf "$kept"' EXIT
  trap 'exit 0' HUP INT TERM
  : > "$kept/last"
  while :; do
    : > "$kept/head"
    curl --silent --show-error --fail --no-buffer --noproxy '*' --unix-socket "$SOCKET" \
      --max-time 600 --dump-header "$kept/head" --header "Last-Event-ID: $(cat "$kept/last")" \
      http://localhost/v1/events |
      while IFS= read -r line; do
        case $line in
          'id: '*) id=${line#id: } ;;
          'event: '*) kind=${line#event: } ;;
          'data: '*)
            printf '%s %s\n' "$kind" "${line#data: }"
            printf '%s' "$id" > "$kept/last"
            ;;
        esac
      done
    code=$(sed -n '1s/^[^ ]* \([0-9]*\).*/\1/p' "$kept/head")
    case $code in
      429) ;;
      4??)
        complain "no events: the agent answered $code" # and always will
        return $NOT_PAID
        ;;
    esac
    sleep 1
  done
}

# A token goes over TLS, or to this machine.
case "${1-} ${2-}" in
  'pay https://'* | 'pay http://127.0.0.1:'* | 'pay http://localhost:'*)
    api=$2
    pay "${3:?CENTS}"
    ;;
  'events ') events ;;
  *)
    complain 'usage: curl.sh pay https://API CENTS | curl.sh events'
    exit $USAGE
    ;;
esac
