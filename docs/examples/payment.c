/*
 * A payment with pos-agent, in C99 with libcurl.
 *
 *     cc -std=c99 -Wall -Wextra -o payment payment.c -lcurl
 *     ./payment pay https://connect.secucard.com/api/v2 1250
 *     ./payment events
 *
 * Exit codes: 0 paid; 1 not paid; 2 wrong usage; 3 nobody knows: look the payment up before the
 * customer pays again. A refused token costs nothing: the agent is told, and the call is repeated
 * once with the next one.
 */

#define _POSIX_C_SOURCE 200809L
#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PAID, NOT_PAID, USAGE, UNKNOWN };
enum {
    PAYMENT = 150, /* s; how long the cardholder may take */
    HOLD = 180,    /* s; longer than a payment, with what comes before. The agent grants up to 300 */
    SILENCE = 45,  /* s; the stream of events has a sign of life every 15 */
    LOOKS = 3      /* a second apart, for what became of a payment */
};

/* -- JSON: the members and strings of an object; all the rest is only looked past --------------- */

static const char *skip_blanks(const char *p)
{
    return p + strspn(p, " \t\r\n");
}

/* From the opening quote to behind the closing one; NULL if that is missing. */
static const char *skip_string(const char *p)
{
    for (p++; *p != '\0'; p++)
        if (*p == '"')
            return p + 1;
        else if (*p == '\\' && *++p == '\0')
            break;
    return NULL;
}

/* The value of a member of this object, not of one inside it; NULL if there is none. */
static const char *member(const char *object, const char *name)
{
    const size_t length = strlen(name);
    int depth = 0;

    for (const char *p = object == NULL ? "" : skip_blanks(object); *p != '\0';) {
        if (*p == '"') {
            const char *end = skip_string(p);
            if (end == NULL)
                return NULL;
            const char *colon = skip_blanks(end);
            if (depth == 1 && *colon == ':' && end - p == (ptrdiff_t)length + 2 &&
                memcmp(p + 1, name, length) == 0)
                return skip_blanks(colon + 1);
            p = end;
            continue;
        }
        if (*p == '{' || *p == '[')
            depth++;
        else if (*p == '}' || *p == ']')
            depth--;
        if (depth <= 0)
            return NULL; /* the object is over, or it is none */
        p++;
    }
    return NULL;
}

/* A string, whole or not at all: a token that was cut off must not look like one. "" if the value
   is no string or too long. What programs need has no escapes; in sentences, \u becomes "?". */
static const char *text(const char *value, char *out, size_t size)
{
    size_t used = 0;

    if (value != NULL && *value == '"') {
        const char *p = value + 1, *end = skip_string(value);
        for (; end != NULL && p < end - 1 && used < size - 1; p++, used++) {
            if (*p == '\\' && *++p == 'u') {
                out[used] = '?';
                p += strspn(p + 1, "0123456789abcdefABCDEF") >= 4 ? 4 : 0;
            } else {
                out[used] = *p;
            }
        }
        if (end == NULL || p < end - 1)
            used = 0;
    }
    out[used] = '\0';
    return out;
}

/* -- HTTP --------------------------------------------------------------------------------------- */

struct answer {
    CURLcode result; /* CURLE_OK: there is an answer, whatever it says */
    long status;
    size_t size;
    char body[64 * 1024];
};

static size_t keep(char *data, size_t one, size_t count, void *to)
{
    struct answer *answer = to;
    const size_t size = one * count;

    if (size >= sizeof answer->body - answer->size)
        return 0; /* libcurl gives up */
    memcpy(answer->body + answer->size, data, size);
    answer->size += size;
    answer->body[answer->size] = '\0';
    return size;
}

static void ask(CURL *http, const char *method, const char *url, const char *body,
                struct curl_slist *headers, struct answer *answer)
{
    answer->status = 0;
    answer->size = 0;
    answer->body[0] = '\0';
    curl_easy_setopt(http, CURLOPT_URL, url);
    curl_easy_setopt(http, CURLOPT_HTTPGET, 1L);
    if (body != NULL)
        curl_easy_setopt(http, CURLOPT_COPYPOSTFIELDS, body);
    curl_easy_setopt(http, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(http, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(http, CURLOPT_WRITEFUNCTION, keep);
    curl_easy_setopt(http, CURLOPT_WRITEDATA, answer);
    answer->result = curl_easy_perform(http);
    curl_easy_getinfo(http, CURLINFO_RESPONSE_CODE, &answer->status);
}

/* -- the agent ---------------------------------------------------------------------------------- */

struct token {
    char access[4096];
    char fingerprint[64];
    char hold[64];
};

static const char *socket_path(void)
{
    const char *path = getenv("POS_AGENT_SOCKET");

    return path == NULL || *path == '\0' ? "/run/pos-agent/token.sock" : path;
}

/* One handle keeps one connection open: a hold that is bound to it ends with this program. */
static CURL *agent_handle(void)
{
    CURL *agent = curl_easy_init();

    if (agent == NULL)
        abort();
    curl_easy_setopt(agent, CURLOPT_UNIX_SOCKET_PATH, socket_path());
    curl_easy_setopt(agent, CURLOPT_PROXY, ""); /* whatever the environment says */
    curl_easy_setopt(agent, CURLOPT_MAXAGE_CONN, 3600L);
    curl_easy_setopt(agent, CURLOPT_NOSIGNAL, 1L);
    return agent;
}

static void complain(const char *what, const struct answer *answer)
{
    char detail[1024];

    if (answer->result != CURLE_OK)
        fprintf(stderr, "%s: %s\n", what, curl_easy_strerror(answer->result));
    else
        fprintf(stderr, "%s: %ld %s\n", what, answer->status,
                text(member(answer->body, "detail"), detail, sizeof detail));
}

static void take(struct token *token, const struct answer *answer)
{
    const char *hold = member(answer->body, "hold");

    text(member(answer->body, "access_token"), token->access, sizeof token->access);
    text(member(answer->body, "fingerprint"), token->fingerprint, sizeof token->fingerprint);
    text(member(hold, "id"), token->hold, sizeof token->hold);
}

/* A token that is not renewed while the cardholder pays. */
static bool hold_token(CURL *agent, struct token *token)
{
    static struct answer answer;
    char url[128], less[256];
    struct curl_slist *headers = curl_slist_append(NULL, "Prefer: wait=10");

    snprintf(url, sizeof url, "http://localhost/v1/token?hold=%d&ends_with=connection", HOLD);
    curl_easy_setopt(agent, CURLOPT_TIMEOUT, 40L);
    ask(agent, "GET", url, NULL, headers, &answer);
    curl_slist_free_all(headers);
    if (answer.result == CURLE_OK && answer.status == 200) {
        take(token, &answer);
        if (*text(member(member(answer.body, "hold"), "less"), less, sizeof less) != '\0')
            fprintf(stderr, "held for less than %d s: %s\n", HOLD, less);
        if (*token->access != '\0' && *token->fingerprint != '\0' && *token->hold != '\0')
            return true;
    }
    if (answer.result != CURLE_OK)
        fprintf(stderr, "no agent at %s: %s\n", socket_path(), curl_easy_strerror(answer.result));
    else
        complain("no token", &answer);
    return false;
}

/* Any token that is valid by now: a question needs no hold. */
static bool any_token(CURL *agent, struct token *token)
{
    static struct answer answer;

    curl_easy_setopt(agent, CURLOPT_TIMEOUT, 40L);
    ask(agent, "GET", "http://localhost/v1/token?min_ttl=10", NULL, NULL, &answer);
    if (answer.result != CURLE_OK || answer.status != 200) {
        complain("no token", &answer);
        return false;
    }
    take(token, &answer);
    return *token->access != '\0';
}

static void release(CURL *agent, const struct token *token)
{
    static struct answer answer;
    char url[128];

    snprintf(url, sizeof url, "http://localhost/v1/holds/%s", token->hold);
    curl_easy_setopt(agent, CURLOPT_TIMEOUT, 5L);
    ask(agent, "DELETE", url, NULL, NULL, &answer); /* 404 if it is over: just as well */
}

/* The API refused this token. False if there is no other. */
static bool report(CURL *agent, const struct token *token)
{
    static struct answer answer;
    char body[128], successor[64];
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");

    snprintf(body, sizeof body, "{\"fingerprint\":\"%s\"}", token->fingerprint);
    curl_easy_setopt(agent, CURLOPT_TIMEOUT, 40L);
    ask(agent, "POST", "http://localhost/v1/token/rejected", body, headers, &answer);
    curl_slist_free_all(headers);
    if (answer.result != CURLE_OK || answer.status != 200) {
        complain("no other token", &answer);
        return false;
    }
    text(member(answer.body, "fingerprint"), successor, sizeof successor);
    return strcmp(successor, token->fingerprint) != 0;
}

/* -- the API ------------------------------------------------------------------------------------ */

/* A GET if there is no body. */
static void send_with(const struct token *token, CURL *api, const char *url, const char *body,
                      struct answer *answer)
{
    char authorization[sizeof token->access + 32];
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");

    snprintf(authorization, sizeof authorization, "Authorization: Bearer %s", token->access);
    headers = curl_slist_append(headers, authorization);
    ask(api, body == NULL ? "GET" : "POST", url, body, headers, answer);
    curl_slist_free_all(headers);
}

/* RFC 6750 section 3.1 says 401; Secucard says 403 with the code 2003. */
static bool token_refused(const struct answer *answer)
{
    const char *code = member(answer->body, "code");

    if (answer->result != CURLE_OK)
        return false;
    return answer->status == 401 ||
           (answer->status == 403 && code != NULL && strtol(code, NULL, 10) == 2003);
}

/* True if the token was refused on the way, whether or not the next one helped. */
static bool call(CURL *agent, struct token *token, CURL *api, const char *url, const char *body,
                 struct answer *answer)
{
    send_with(token, api, url, body, answer);
    if (!token_refused(answer))
        return false;
    if (report(agent, token) && hold_token(agent, token))
        send_with(token, api, url, body, answer);
    return true;
}

/* What a payment's status is, if the answer tells; else "". */
static const char *told(const struct answer *answer, char *out, size_t size)
{
    const bool fine = answer->result == CURLE_OK && answer->status == 200;

    return text(fine ? member(answer->body, "status") : NULL, out, size);
}

/* How a payment ended, if nobody told; "" while the cardholder may be at it. Each question has a
   token of its own: if that is refused, the next one has another. */
static const char *look_up(CURL *agent, CURL *api, const char *url, char *out, size_t size)
{
    static struct answer answer;
    static struct token token;

    curl_easy_setopt(api, CURLOPT_TIMEOUT, 10L);
    for (int i = 0; i < LOOKS; i++) {
        sleep(1);
        if (!any_token(agent, &token))
            continue;
        send_with(&token, api, url, NULL, &answer);
        told(&answer, out, size);
        if (strcmp(out, "ok") == 0 || strcmp(out, "failed") == 0)
            return out;
        if (token_refused(&answer))
            report(agent, &token);
    }
    return text(NULL, out, size);
}

static int pay_with(struct token *token, CURL *agent, CURL *api, const char *base, long cents)
{
    static struct answer answer;
    char url[1024], start[1100], body[128], id[128], status[64];

    snprintf(url, sizeof url, "%s/Smart/Transactions", base);
    snprintf(body, sizeof body, "{\"basket_info\":{\"sum\":%ld,\"currency\":\"EUR\"}}", cents);
    call(agent, token, api, url, body, &answer);
    text(member(answer.body, "id"), id, sizeof id);
    if (answer.result != CURLE_OK || answer.status != 200 || *id == '\0') {
        complain("not paid", &answer);
        return NOT_PAID;
    }
    snprintf(url, sizeof url, "%s/Smart/Transactions/%s", base, id);
    snprintf(start, sizeof start, "%s/start/cashless", url);
    /* The answer comes when the cardholder is done. */
    const bool refused = call(agent, token, api, start, "", &answer);
    /* A "no" is one only if the token was not refused: by then the cardholder may have begun. */
    if (answer.result == CURLE_OK && answer.status >= 400 && answer.status < 500 && !refused) {
        complain("not paid", &answer);
        return NOT_PAID;
    }
    if (*told(&answer, status, sizeof status) == '\0') {
        complain("no answer", &answer);
        look_up(agent, api, url, status, sizeof status);
    }
    if (strcmp(status, "ok") == 0) {
        printf("paid %s\n", id);
        return PAID;
    }
    if (*status != '\0') {
        fprintf(stderr, "not paid: %s\n", status);
        return NOT_PAID;
    }
    fprintf(stderr, "nobody knows: look up %s before the customer pays again\n", id);
    return UNKNOWN;
}

static int pay(const char *base, long cents)
{
    static struct token token;
    CURL *agent = agent_handle(), *api = curl_easy_init();
    int outcome = NOT_PAID;

    if (api == NULL)
        abort();
    curl_easy_setopt(api, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(api, CURLOPT_CONNECTTIMEOUT, 10L);
    curl_easy_setopt(api, CURLOPT_TIMEOUT, (long)PAYMENT);
    /* libcurl repeats a request whose kept connection breaks. A payment must not be repeated. */
    curl_easy_setopt(api, CURLOPT_FRESH_CONNECT, 1L);
    if (hold_token(agent, &token)) {
        outcome = pay_with(&token, agent, api, base, cents);
        release(agent, &token);
    }
    curl_easy_cleanup(api);
    curl_easy_cleanup(agent);
    return outcome;
}

/* -- events ------------------------------------------------------------------------------------- */

struct stream {
    char last_id[128];
    char kind[64];
    char line[64 * 1024];
    size_t used;
    time_t heard;
};

static time_t seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

static void read_line(struct stream *stream)
{
    const char *line = stream->line;

    if (strncmp(line, "id: ", 4) == 0)
        snprintf(stream->last_id, sizeof stream->last_id, "%.100s", line + 4);
    else if (strncmp(line, "event: ", 7) == 0)
        snprintf(stream->kind, sizeof stream->kind, "%.60s", line + 7);
    else if (strncmp(line, "data: ", 6) == 0)
        printf("%s %s\n", stream->kind, line + 6);
}

static size_t follow(char *data, size_t one, size_t count, void *to)
{
    struct stream *stream = to;

    stream->heard = seconds();
    for (size_t i = 0; i < one * count; i++) {
        if (data[i] != '\n') {
            if (stream->used == sizeof stream->line - 1)
                return 0;
            stream->line[stream->used++] = data[i];
            continue;
        }
        stream->line[stream->used] = '\0';
        stream->used = 0;
        read_line(stream);
    }
    return one * count;
}

static int too_silent(void *to, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct stream *stream = to;

    (void)a, (void)b, (void)c, (void)d;
    return seconds() - stream->heard > SILENCE;
}

/* Follow what changes, over restarts of the agent, until this program is stopped or refused. */
static int events(void)
{
    static struct stream stream;
    CURL *agent = agent_handle();
    CURLcode result;
    long status = 0;
    char header[160];

    setvbuf(stdout, NULL, _IOLBF, 0);
    curl_easy_setopt(agent, CURLOPT_URL, "http://localhost/v1/events");
    curl_easy_setopt(agent, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(agent, CURLOPT_WRITEFUNCTION, follow);
    curl_easy_setopt(agent, CURLOPT_WRITEDATA, &stream);
    curl_easy_setopt(agent, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(agent, CURLOPT_XFERINFOFUNCTION, too_silent);
    curl_easy_setopt(agent, CURLOPT_XFERINFODATA, &stream);
    do {
        struct curl_slist *headers = NULL;

        if (*stream.last_id != '\0') {
            snprintf(header, sizeof header, "Last-Event-ID: %s", stream.last_id);
            headers = curl_slist_append(NULL, header);
        }
        curl_easy_setopt(agent, CURLOPT_HTTPHEADER, headers);
        stream.used = 0;
        stream.heard = seconds();
        result = curl_easy_perform(agent);
        curl_easy_getinfo(agent, CURLINFO_RESPONSE_CODE, &status);
        curl_slist_free_all(headers);
        fprintf(stderr, "no events: %ld %s\n", status, curl_easy_strerror(result));
        sleep(1);
        /* What is refused with 4xx always will be, unless it was too often. */
    } while (result != CURLE_HTTP_RETURNED_ERROR || status == 429 || status >= 500);
    curl_easy_cleanup(agent);
    return NOT_PAID;
}

/* ----------------------------------------------------------------------------------------------- */

static bool is_safe(const char *url) /* a token goes over TLS, or to this machine */
{
    static const char *const starts[] = {"https://", "http://127.0.0.1:", "http://localhost:"};

    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        if (strncmp(url, starts[i], strlen(starts[i])) == 0)
            return true;
    return false;
}

int main(int argc, char **argv)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    if (argc == 4 && strcmp(argv[1], "pay") == 0 && is_safe(argv[2]) && atol(argv[3]) > 0)
        return pay(argv[2], atol(argv[3]));
    if (argc == 2 && strcmp(argv[1], "events") == 0)
        return events();
    fprintf(stderr, "usage: payment pay https://API CENTS | payment events\n");
    return USAGE;
}
