// A payment with pos-agent, in C# with .NET 8 or newer and no packages.
//
//     dotnet new console -o payment && cp Payment.cs payment/Program.cs
//     dotnet run --project payment -- pay https://connect.secucard.com/api/v2 1250
//     dotnet run --project payment -- events
//
// Exit codes: 0 paid; 1 not paid; 2 wrong usage; 3 nobody knows: look the payment up before the
// customer pays again. A refused token costs nothing: the agent is told, and the call is repeated
// once with the next one.

using System;
using System.IO;
using System.Net;
using System.Net.Http;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using System.Threading;
using System.Threading.Tasks;

const int NotPaidCode = 1, Usage = 2;

try
{
    if (args is ["pay", var api, var sum] && IsSafe(api) && int.TryParse(sum, out var cents) && cents > 0)
    {
        return await Payment.PayAsync(api, cents);
    }
    if (args is ["events"])
    {
        return await Events.FollowAsync();
    }
}
catch (Exception e) when (e is NotPaid or HttpRequestException or TaskCanceledException or JsonException)
{
    Console.Error.WriteLine($"not paid: {e.Message}");
    return NotPaidCode;
}
Console.Error.WriteLine("usage: payment pay https://API CENTS | payment events");
return Usage;

// A token goes over TLS, or to this machine.
static bool IsSafe(string url) => Regex.IsMatch(url, @"^(https://|http://(127\.0\.0\.1|localhost)[:/])");

/// <summary>Nothing was paid.</summary>
sealed class NotPaid(string message) : Exception(message);

sealed record Hold(
    [property: JsonPropertyName("id")] string Id,
    [property: JsonPropertyName("expires_in")] int ExpiresIn,
    [property: JsonPropertyName("less")] string? Less);

/// <summary>What the agent gave; printing it gives nothing away.</summary>
sealed record Token(
    [property: JsonPropertyName("access_token")] string AccessToken,
    [property: JsonPropertyName("fingerprint")] string Fingerprint,
    [property: JsonPropertyName("hold")] Hold? Hold)
{
    public override string ToString() => Fingerprint;
}

sealed record Problem(
    [property: JsonPropertyName("title")] string? Title,
    [property: JsonPropertyName("detail")] string? Detail);

static class Agent
{
    /// <summary>Longer than a payment, with what comes before. The agent grants up to 300 s.</summary>
    static readonly TimeSpan HoldTime = Payment.Longest + TimeSpan.FromSeconds(30);

    /// <summary>HTTP to the agent's socket, whatever the host in the URL.</summary>
    public static HttpClient Connect(TimeSpan timeout)
    {
        var path = Environment.GetEnvironmentVariable("POS_AGENT_SOCKET");
        if (string.IsNullOrEmpty(path))
        {
            path = "/run/pos-agent/token.sock";
        }
        var handler = new SocketsHttpHandler
        {
            UseProxy = false,
            ConnectCallback = async (_, cancellation) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                try
                {
                    await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellation);
                    return new NetworkStream(socket, ownsSocket: true);
                }
                catch (SocketException e)
                {
                    socket.Dispose();
                    throw new HttpRequestException($"no agent at {path}: {e.Message}", e);
                }
                catch
                {
                    socket.Dispose();
                    throw;
                }
            },
        };
        return new HttpClient(handler) { BaseAddress = new Uri("http://localhost"), Timeout = timeout };
    }

    /// <summary>A token that is not renewed while the cardholder pays. The hold ends with this process.</summary>
    public static async Task<Token> HoldAsync(HttpClient agent)
    {
        var path = $"/v1/token?hold={HoldTime.TotalSeconds:0}&ends_with=process";
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Add("Prefer", "wait=10");
        using var answer = await agent.SendAsync(request);
        var token = await ReadAsync(answer);
        if (token.Hold is not { } hold)
        {
            throw new NotPaid("no hold: is the agent older than this program?");
        }
        if (hold.Less is { } less)
        {
            Console.Error.WriteLine($"held for {hold.ExpiresIn} s: {less}");
        }
        return token;
    }

    /// <summary>Any token that is valid by now: a question needs no hold.</summary>
    public static async Task<Token> AnyAsync(HttpClient agent)
    {
        using var answer = await agent.GetAsync("/v1/token?min_ttl=10");
        return await ReadAsync(answer);
    }

    /// <summary>The API refused this token. The current one, which is the same if there is no other.</summary>
    public static async Task<Token> ReportAsync(HttpClient agent, Token refused)
    {
        using var answer = await agent.PostAsJsonAsync("/v1/token/rejected", new { fingerprint = refused.Fingerprint });
        return await ReadAsync(answer);
    }

    /// <summary>The API refused this token: the next one, held; null if there is no other.</summary>
    public static async Task<Token?> NextAsync(HttpClient agent, Token refused)
    {
        var successor = await ReportAsync(agent, refused);
        return successor.Fingerprint == refused.Fingerprint ? null : await HoldAsync(agent);
    }

    public static async Task ReleaseAsync(HttpClient agent, Token token)
    {
        try
        {
            // 404 if it is over: just as well.
            using var _ = await agent.DeleteAsync($"/v1/holds/{token.Hold?.Id}");
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
        {
            // It ends with this process.
        }
    }

    static async Task<Token> ReadAsync(HttpResponseMessage answer)
    {
        if (answer.StatusCode != HttpStatusCode.OK)
        {
            var problem = await answer.Content.ReadFromJsonAsync<Problem>();
            throw new NotPaid($"no token: {problem?.Title}: {problem?.Detail}");
        }
        return await answer.Content.ReadFromJsonAsync<Token>()
            is { AccessToken.Length: > 0, Fingerprint.Length: > 0 } token
            ? token
            : throw new NotPaid("what answers is not pos-agent");
    }
}

/// <summary>Sends each call with the held token, and once more with the next one if that was refused.</summary>
sealed class Api(HttpClient http, string root, HttpClient agent, Token token)
{
    public Token Token { get; private set; } = token;

    /// <summary>Refused: the token was, on the way, whether or not the next one helped.</summary>
    public async Task<(HttpStatusCode Status, JsonElement Body, bool Refused)> PostAsync(string path, object? body = null)
    {
        var answer = await SendAsync(Token, HttpMethod.Post, path, body, Payment.Longest);
        var refused = TokenRefused(answer);
        if (refused && await Agent.NextAsync(agent, Token) is { } next)
        {
            Token = next;
            answer = await SendAsync(Token, HttpMethod.Post, path, body, Payment.Longest);
        }
        return (answer.Status, answer.Body, refused);
    }

    /// <summary>With a token of its own. If that is refused, the next question has another one.</summary>
    public async Task<(HttpStatusCode Status, JsonElement Body)> GetAsync(string path)
    {
        var asking = await Agent.AnyAsync(agent);
        var answer = await SendAsync(asking, HttpMethod.Get, path, null, TimeSpan.FromSeconds(10));
        if (TokenRefused(answer))
        {
            await Agent.ReportAsync(agent, asking);
        }
        return answer;
    }

    async Task<(HttpStatusCode Status, JsonElement Body)> SendAsync(
        Token token, HttpMethod method, string path, object? body, TimeSpan longest)
    {
        using var request = new HttpRequestMessage(method, root + path);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token.AccessToken);
        if (method == HttpMethod.Post)
        {
            request.Content = body is null ? new StringContent("") : JsonContent.Create(body);
        }
        using var patience = new CancellationTokenSource(longest);
        using var answer = await http.SendAsync(request, patience.Token);
        var isJson = answer.Content.Headers.ContentType?.MediaType == "application/json";
        return (answer.StatusCode, isJson ? await answer.Content.ReadFromJsonAsync<JsonElement>() : default);
    }

    /// <summary>RFC 6750 section 3.1 says 401; Secucard says 403 with the code 2003.</summary>
    static bool TokenRefused((HttpStatusCode Status, JsonElement Body) answer) =>
        answer.Status == HttpStatusCode.Unauthorized
        || (answer.Status == HttpStatusCode.Forbidden
            && answer.Body.ValueKind == JsonValueKind.Object
            && answer.Body.TryGetProperty("code", out var code)
            && code.ValueKind == JsonValueKind.Number
            && code.GetDouble() == 2003);
}

static class Payment
{
    const int Paid = 0, NotPaidCode = 1, Unknown = 3;

    /// <summary>A second apart, for what became of a payment.</summary>
    const int Looks = 3;

    /// <summary>How long the cardholder may take.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromSeconds(150);

    public static async Task<int> PayAsync(string root, int cents)
    {
        // A request whose kept connection breaks may be repeated by .NET. A payment must not be.
        using var handler = new SocketsHttpHandler
        {
            PooledConnectionLifetime = TimeSpan.Zero,
            AllowAutoRedirect = false,
        };
        using var http = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
        using var agent = Agent.Connect(TimeSpan.FromSeconds(40));
        var api = new Api(http, root, agent, await Agent.HoldAsync(agent));
        try
        {
            return await StartAsync(api, await CreateAsync(api, cents));
        }
        finally
        {
            await Agent.ReleaseAsync(agent, api.Token);
        }
    }

    static async Task<string> CreateAsync(Api api, int cents)
    {
        var (status, body, _) = await api.PostAsync(
            "/Smart/Transactions", new { basket_info = new { sum = cents, currency = "EUR" } });
        return status == HttpStatusCode.OK && Text(body, "id") is { } id
            ? id
            : throw new NotPaid($"the API answered {(int)status}");
    }

    /// <summary>Ask the cardholder; the answer comes when that is done.</summary>
    static async Task<int> StartAsync(Api api, string payment)
    {
        var path = $"/Smart/Transactions/{payment}";
        string? ended = null;
        try
        {
            var (status, body, refused) = await api.PostAsync($"{path}/start/cashless");
            switch ((int)status)
            {
                case 200:
                    ended = Text(body, "status");
                    break;
                // A "no" is one only if the token was not refused: by then the cardholder may have begun.
                case >= 400 and < 500 when !refused:
                    return No($"the API answered {(int)status}");
            }
        }
        catch (Exception e) when (e is NotPaid or HttpRequestException or TaskCanceledException or JsonException)
        {
            Console.Error.WriteLine($"no answer: {e.Message}");
        }
        ended ??= await LookUpAsync(api, path);
        switch (ended)
        {
            case "ok":
                Console.WriteLine($"paid {payment}");
                return Paid;
            case null:
                Console.Error.WriteLine($"nobody knows: look up {payment} before the customer pays again");
                return Unknown;
            default:
                return No(ended);
        }
    }

    /// <summary>How a payment ended, if nobody told; null while the cardholder may be at it.</summary>
    static async Task<string?> LookUpAsync(Api api, string path)
    {
        for (var i = 0; i < Looks; i++)
        {
            await Task.Delay(TimeSpan.FromSeconds(1));
            try
            {
                var (status, body) = await api.GetAsync(path);
                var found = status == HttpStatusCode.OK ? Text(body, "status") : null;
                if (found is "ok" or "failed")
                {
                    return found;
                }
            }
            catch (Exception e) when (e is NotPaid or HttpRequestException or TaskCanceledException or JsonException)
            {
                Console.Error.WriteLine($"no answer: {e.Message}");
            }
        }
        return null;
    }

    static int No(string why)
    {
        Console.Error.WriteLine($"not paid: {why}");
        return NotPaidCode;
    }

    static string? Text(JsonElement body, string name) =>
        body.ValueKind == JsonValueKind.Object
        && body.TryGetProperty(name, out var found)
        && found.ValueKind == JsonValueKind.String
            ? found.GetString()
            : null;
}

static class Events
{
    const int Refused = 1;

    /// <summary>The stream has a sign of life every 15 s.</summary>
    static readonly TimeSpan Silence = TimeSpan.FromSeconds(45);

    /// <summary>Print what changes, over restarts of the agent, until this program is stopped or refused.</summary>
    public static async Task<int> FollowAsync()
    {
        using var agent = Agent.Connect(Timeout.InfiniteTimeSpan);
        var lastId = "";
        while (true)
        {
            var status = 0;
            try
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/events");
                if (lastId != "")
                {
                    request.Headers.Add("Last-Event-ID", lastId);
                }
                using var patience = new CancellationTokenSource(Silence);
                using var answer = await agent.SendAsync(
                    request, HttpCompletionOption.ResponseHeadersRead, patience.Token);
                status = (int)answer.StatusCode;
                if (status != 200)
                {
                    throw new HttpRequestException($"the agent answered {status}");
                }
                using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync(patience.Token));
                var kind = "";
                while (await reader.ReadLineAsync(patience.Token) is { } line)
                {
                    patience.CancelAfter(Silence);
                    if (line.StartsWith("id: ", StringComparison.Ordinal))
                    {
                        lastId = line[4..];
                    }
                    else if (line.StartsWith("event: ", StringComparison.Ordinal))
                    {
                        kind = line[7..];
                    }
                    else if (line.StartsWith("data: ", StringComparison.Ordinal))
                    {
                        Console.WriteLine($"{kind} {line[6..]}");
                    }
                }
            }
            catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException)
            {
                Console.Error.WriteLine($"no events: {e.Message}");
            }
            if (status is >= 400 and < 500 and not 429)
            {
                return Refused; // so it always will
            }
            await Task.Delay(TimeSpan.FromSeconds(1));
        }
    }
}
