// The table of variables. Names and defaults of the compatible product are kept; TOLLGATE_… ones are our own.
#include "core/config.h"
#include "core/config_checks.h"

namespace tollgate::core {
namespace {

using enum VariableType;
constexpr auto D = OnBadValue::kDefault;
constexpr auto kNoEffect = Support::kNoEffect;
constexpr auto kNotYet = Support::kNotYet;

// clang-format off
constexpr Variable kVariables[] = {
  // Core
  {.name = "PORT", .type = kInt, .fallback = "3000", .min = 1, .max = 65535, .meaning = "listen port; beats --port"},
  {.name = "TOLLGATE_LISTEN", .type = kList, .meaning = "listen addresses (host:port, [v6]:port, unix:/path?mode=0660); default all addresses at PORT", .check = check_listen},
  {.name = "NODE_TYPE", .type = kChoice, .fallback = "master", .choices = "master|slave", .meaning = "role in a cluster, in any case; slaves do not migrate the schema"},
  {.name = "SESSION_SECRET", .secret = true, .meaning = "signs session cookies; generated and kept in the data directory when unset"},
  {.name = "SESSION_SECRET_PREVIOUS", .secret = true, .meaning = "older secrets, separated by '|', still accepted for verification", .check = check_old_secrets},
  {.name = "CRYPTO_SECRET", .secret = true, .meaning = "keys names of tokens in Redis; SESSION_SECRET when unset"},
  {.name = "CRYPTO_SECRET_PREVIOUS", .secret = true, .meaning = "older ones, separated by '|', under which names of tokens may still stand", .check = check_old_secrets},
  {.name = "VERSION", .meaning = "overrides the version that is reported"},
  {.name = "TZ", .bad = D, .meaning = "time zone of log lines and of what begins at midnight; an unknown one is UTC"},
  {.name = "TOLLGATE_NODE_NAME", .meaning = "name of the node for people; HOSTNAME or the host name when unset", .also = "NODE_NAME"},
  {.name = "HOSTNAME", .meaning = "default of TOLLGATE_NODE_NAME"},
  {.name = "TOLLGATE_ADVERTISE", .type = kUrl, .meaning = "address of this node for people and other nodes; its first address that is not loopback when unset"},
  {.name = "TOLLGATE_REGION", .meaning = "label of the node, shown in the cluster's list"},
  {.name = "TOLLGATE_ZONE", .meaning = "label of the node, shown in the cluster's list"},
  {.name = "TOLLGATE_WEIGHT", .type = kInt, .min = 0, .max = 256, .meaning = "weight for balancers, shown in the cluster's list; default: master 3, slave 5"},
  {.name = "TOLLGATE_MIGRATE", .type = kChoice, .fallback = "auto", .choices = "auto|never|only", .meaning = "auto: masters complete the schema; never: wait for another node; only: complete it and exit"},
  {.name = "TOLLGATE_SCHEMA_WAIT", .type = kDuration, .fallback = "300s", .meaning = "how long a node waits for another that completes the schema, then exit 75"},
  {.name = "TOLLGATE_STANDIN", .type = kChoice, .fallback = "auto", .choices = "auto|on|off", .meaning = "slaves run the cluster's jobs while no master lives; auto: where a master lived within 30 days"},
  {.name = "TOLLGATE_STANDIN_AFTER", .type = kDuration, .fallback = "60s", .meaning = "how long no master has lived before they do"},
  {.name = "TOLLGATE_SECRET_MISMATCH", .type = kChoice, .fallback = "warn", .choices = "warn|unready", .meaning = "what a node does whose secrets differ from those of the others: name it, or take no traffic as well"},
  {.name = "TOLLGATE_MIXED", .type = kChoice, .fallback = "auto", .choices = "auto|on|off", .meaning = "programs that raise no versions change the database too: everything is compared every SYNC_FREQUENCY; off: versions are trusted"},
  {.name = "TOLLGATE_ALLOW_SQLITE_CLUSTER", .type = kBool, .fallback = "false", .meaning = "a slave on SQLite, for tests: all nodes on one machine and one file"},
  {.name = "TOLLGATE_DATA_DIR", .type = kPath, .fallback = ".", .meaning = "journal, node id, generated secrets"},
  {.name = "TOLLGATE_LOG_DIR", .type = kPath, .fallback = "./logs", .meaning = "log files; the flag --log-dir wins; '-' = none"},
  {.name = "TOLLGATE_EXIT_DELAY", .type = kDuration, .fallback = "auto", .choices = "auto", .meaning = "wait before ending with exit code 78; auto: 5s as the first process of a container, so that restarts do not flood its log"},
  {.name = "TOLLGATE_ENV_FILE", .type = kPath, .meaning = "file read instead of .env; it must be there then"},
  {.name = "TOLLGATE_STRICT_CONFIG", .type = kBool, .fallback = "false", .meaning = "bad values of any variable, and weak secrets, refuse the start"},
  {.name = "TOLLGATE_DRAIN_TIMEOUT", .type = kDuration, .fallback = "600s", .meaning = "longest wait for running requests at SIGTERM", .also = "SHUTDOWN_TIMEOUT_SECONDS"},
  {.name = "TOLLGATE_DRAIN_DELAY", .type = kDuration, .fallback = "0s", .meaning = "keep accepting after readiness went false"},
  {.name = "TOLLGATE_WORKERS", .type = kInt, .min = 1, .max = 256, .meaning = "network threads; default: the cores granted"},
  {.name = "TOLLGATE_MAX_REQUESTS", .type = kInt, .fallback = "0", .min = 0, .max = 10'000'000, .meaning = "requests relayed at once, beyond it 503; 0 = what descriptors and memory allow"},
  {.name = "TOLLGATE_MEMORY_LIMIT_MB", .type = kInt, .fallback = "0", .min = 0, .max = 100'000'000, .meaning = "resident memory above which new requests get 503; 0 = four fifths of the control group's or the machine's"},
  {.name = "TOLLGATE_MAX_LOOP_LAG", .type = kDuration, .fallback = "50ms", .meaning = "how late a network thread may run before it answers new requests with 503; 0s = any"},
  {.name = "TOLLGATE_TRUSTED_PROXIES", .type = kList, .fallback = "127.0.0.0/8,::1/128,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,100.64.0.0/10,169.254.0.0/16,fc00::/7,fe80::/10", .meaning = "peers whose forwarding headers count; 'none', 'all'", .also = "TRUSTED_PROXIES", .check = check_trusted_proxies},
  {.name = "TOLLGATE_ADMIN_TOKEN", .secret = true, .meaning = "bearer token (16 characters or more) for /-/ and /metrics on the main port", .check = check_admin_token},
  {.name = "TOLLGATE_METRICS", .type = kBool, .fallback = "true", .meaning = "the page /metrics, for the admin token and for direct peers of the trusted ranges"},
  {.name = "TOLLGATE_METRICS_SERIES", .type = kInt, .fallback = "2000", .min = 10, .max = 1'000'000, .meaning = "most series of models, of channels and of routes that /metrics shows; the rest is one series 'other'"},
  {.name = "TOLLGATE_JOURNAL_SYNC", .type = kChoice, .fallback = "process", .choices = "process|power", .meaning = "what a journaled charge survives: the process, or a power cut"},
  {.name = "TOLLGATE_JOURNAL_KEEP", .type = kDuration, .fallback = "1h", .meaning = "how long applied journal rows are kept"},
  {.name = "TOLLGATE_JOURNAL_MAX_MB", .type = kInt, .fallback = "1024", .min = 1, .max = 1'000'000, .meaning = "charges that wait for the database, MiB; while it is away nothing more is admitted beyond"},
  {.name = "TOLLGATE_JOURNAL_REQUIRED", .type = kBool, .fallback = "false", .meaning = "with the journal's disk and the database both away, refuse charged requests at once instead of keeping charges in memory"},
  {.name = "BATCH_UPDATE_ENABLED", .type = kBool, .fallback = "false", .meaning = "flush charges to SQL every BATCH_UPDATE_INTERVAL instead of at once"},
  {.name = "BATCH_UPDATE_INTERVAL", .type = kInt, .fallback = "5", .min = 1, .max = 3600, .meaning = "seconds"},
  {.name = "SYNC_FREQUENCY", .type = kInt, .fallback = "60", .min = 1, .max = 86400, .meaning = "seconds after which a change is seen by every node at the latest, also without Redis"},
  {.name = "MEMORY_CACHE_ENABLED", .type = kBool, .fallback = "false", .bad = D, .support = kNoEffect, .meaning = "channels are always held in memory"},
  // SQL and Redis
  {.name = "SQL_DSN", .secret = true, .meaning = "main database; unset or 'local…' = SQLite at SQLITE_PATH"},
  {.name = "LOG_SQL_DSN", .secret = true, .support = kNotYet, .meaning = "database of the table logs"},
  {.name = "SQLITE_PATH", .type = kPath, .fallback = "one-api.db?_busy_timeout=30000", .meaning = "SQLite file; everything from '?' on is ignored"},
  {.name = "SQL_MAX_OPEN_CONNS", .type = kInt, .bad = D, .min = 1, .max = 10000, .meaning = "pool limit; default 4 × workers + 4, at most 32"},
  {.name = "SQL_MAX_IDLE_CONNS", .type = kInt, .fallback = "100", .bad = D, .support = kNoEffect, .meaning = "SQLite connections are kept"},
  {.name = "SQL_MAX_LIFETIME", .type = kInt, .fallback = "60", .bad = D, .support = kNoEffect, .meaning = "seconds; SQLite connections are kept"},
  {.name = "REDIS_CONN_STRING", .secret = true, .support = kNotYet, .meaning = "shared cache of a cluster"},
  // Relay
  {.name = "RELAY_TIMEOUT", .type = kInt, .fallback = "0", .bad = D, .min = 0, .max = 1'000'000, .meaning = "seconds for a whole upstream call; 0 = no limit"},
  {.name = "RELAY_MAX_IDLE_CONNS", .type = kInt, .fallback = "500", .bad = D, .min = 0, .max = 1'000'000, .meaning = "idle upstream connections kept"},
  {.name = "RELAY_MAX_IDLE_CONNS_PER_HOST", .type = kInt, .fallback = "100", .bad = D, .min = 0, .max = 1'000'000, .meaning = "of those to one host"},
  {.name = "STREAMING_TIMEOUT", .type = kInt, .fallback = "300", .bad = D, .min = 1, .max = 1'000'000, .meaning = "seconds of upstream silence that end a stream"},
  {.name = "STREAM_SCANNER_MAX_BUFFER_MB", .type = kInt, .fallback = "64", .bad = D, .min = 1, .max = 4096, .meaning = "longest line of an upstream stream, MiB"},
  {.name = "FORCE_STREAM_OPTION", .type = kBool, .fallback = "true", .bad = D, .meaning = "ask upstreams for usage in streams"},
  {.name = "CountToken", .type = kBool, .fallback = "true", .bad = D, .meaning = "estimate prompt tokens locally (exact case)"},
  {.name = "GET_MEDIA_TOKEN", .type = kBool, .fallback = "true", .bad = D, .meaning = "measure images of streams for the estimate, and fetch the files they link to (billing.md)"},
  {.name = "GET_MEDIA_TOKEN_NOT_STREAM", .type = kBool, .fallback = "false", .bad = D, .meaning = "also for requests that do not stream"},
  {.name = "MAX_FILE_DOWNLOAD_MB", .type = kInt, .fallback = "64", .bad = D, .min = 1, .max = 4096, .meaning = "longest file that a request may link to, MiB"},
  {.name = "MAX_REQUEST_BODY_MB", .type = kInt, .fallback = "128", .bad = D, .min = 1, .max = 4096, .meaning = "request body limit after decompression, MiB"},
  {.name = "TLS_INSECURE_SKIP_VERIFY", .type = kBool, .fallback = "false", .bad = D, .meaning = "do not verify upstream certificates; warned about at every start"},
  {.name = "TOLLGATE_CONNECT_TIMEOUT", .type = kDuration, .fallback = "10s", .meaning = "connecting to an upstream"},
  {.name = "TOLLGATE_FIRST_BYTE_TIMEOUT", .type = kDuration, .fallback = "30m", .meaning = "from the request's last byte to the answer's first"},
  {.name = "TOLLGATE_SSE_KEEPALIVE", .type = kDuration, .fallback = "15s", .meaning = "silence in a stream after which ': PING' is sent; 0 = never"},
  {.name = "TOLLGATE_SSE_COMMIT", .type = kDuration, .fallback = "50s", .meaning = "longest time the head of a stream is held for the first event; 0 = for ever"},
  {.name = "TOLLGATE_DISCONNECT_DRAIN", .type = kBounds, .fallback = "60s,16MB", .meaning = "how far an upstream is read on after its client left, on channels that drain (billing.md)"},
  {.name = "TOLLGATE_ABANDON_CHARGE", .type = kChoice, .fallback = "prompt", .choices = "prompt|bound", .meaning = "what a client pays that left before anything of the answer came: the prompt, or the output limit besides"},
  {.name = "TOLLGATE_KEEPALIVE", .type = kDuration, .fallback = "75s", .meaning = "idle time of client connections"},
  {.name = "TOLLGATE_MAX_ANSWER_MB", .type = kInt, .fallback = "256", .min = 1, .max = 65536, .meaning = "longest upstream answer that is not a stream, MiB"},
  {.name = "ERROR_LOG_ENABLED", .type = kBool, .fallback = "false", .bad = D, .meaning = "write failed attempts to the log table"},
  {.name = "TOLLGATE_UPSTREAM_AUTH_TEXT", .type = kChoice, .fallback = "hide", .choices = "hide|pass", .meaning = "text of an upstream's 401 and 403: a fixed one, or its own without known secrets"},
  {.name = "TOLLGATE_PASS_UPSTREAM_ID", .type = kBool, .fallback = "false", .meaning = "clients get the upstream's x-request-id as x-upstream-request-id"},
  {.name = "HTTP_PROXY", .secret = true, .meaning = "proxy for upstreams at http addresses whose channel names none"},
  {.name = "HTTPS_PROXY", .secret = true, .meaning = "the same for https addresses"},
  {.name = "ALL_PROXY", .secret = true, .meaning = "the same for either, where the two above are not set"},
  {.name = "NO_PROXY", .meaning = "hosts that are called directly all the same: names, addresses, blocks, '*'"},
  {.name = "http_proxy", .secret = true, .meaning = "HTTP_PROXY when that is not set"},
  {.name = "https_proxy", .secret = true, .meaning = "HTTPS_PROXY when that is not set"},
  {.name = "all_proxy", .secret = true, .meaning = "ALL_PROXY when that is not set"},
  {.name = "no_proxy", .meaning = "NO_PROXY when that is not set"},
  {.name = "AZURE_DEFAULT_API_VERSION", .fallback = "2025-04-01-preview", .meaning = "api-version of Azure channels that name none"},
  {.name = "GENERATE_DEFAULT_TOKEN", .type = kBool, .fallback = "false", .bad = D, .support = kNoEffect, .meaning = "first token for new users"},
  {.name = "CHANNEL_TEST_FREQUENCY", .type = kInt, .bad = D, .min = 1, .max = 1'000'000, .meaning = "minutes between tests of all channels; switches them on whatever the option says (channels.md)"},
  {.name = "CHANNEL_UPDATE_FREQUENCY", .type = kInt, .min = 1, .max = 1'000'000, .meaning = "minutes between refreshes of all balances; unset = off (channels.md)"},
  {.name = "POLLING_INTERVAL", .type = kInt, .fallback = "0", .bad = D, .min = 0, .max = 86400, .meaning = "seconds of pause between channels in such runs"},
  {.name = "NOTIFY_LIMIT_COUNT", .type = kInt, .fallback = "2", .bad = D, .min = 0, .max = 1'000'000, .meaning = "notifications of a kind to a user in the time below, and in an hour of the clock (notifications.md)"},
  {.name = "NOTIFICATION_LIMIT_DURATION_MINUTE", .type = kInt, .fallback = "10", .bad = D, .min = 1, .max = 1'000'000, .meaning = "minutes"},
  {.name = "GLOBAL_API_RATE_LIMIT_ENABLE", .type = kBool, .fallback = "true", .bad = D, .meaning = "limit of /api by address (limits.md)"},
  {.name = "GLOBAL_API_RATE_LIMIT", .type = kInt, .fallback = "180", .bad = D, .min = 1, .max = 1'000'000'000, .meaning = "requests"},
  {.name = "GLOBAL_API_RATE_LIMIT_DURATION", .type = kInt, .fallback = "180", .bad = D, .min = 1, .max = 1'000'000, .meaning = "seconds"},
  {.name = "GLOBAL_WEB_RATE_LIMIT_ENABLE", .type = kBool, .fallback = "true", .bad = D, .meaning = "limit by address of pages and of paths that no route has (limits.md)"},
  {.name = "GLOBAL_WEB_RATE_LIMIT", .type = kInt, .fallback = "60", .bad = D, .min = 1, .max = 1'000'000'000, .meaning = "requests"},
  {.name = "GLOBAL_WEB_RATE_LIMIT_DURATION", .type = kInt, .fallback = "180", .bad = D, .min = 1, .max = 1'000'000, .meaning = "seconds"},
  {.name = "CRITICAL_RATE_LIMIT_ENABLE", .type = kBool, .fallback = "true", .bad = D, .meaning = "limit of log-in and the like by address"},
  {.name = "CRITICAL_RATE_LIMIT", .type = kInt, .fallback = "20", .bad = D, .min = 1, .max = 1'000'000'000, .meaning = "requests"},
  {.name = "CRITICAL_RATE_LIMIT_DURATION", .type = kInt, .fallback = "1200", .bad = D, .min = 1, .max = 1'000'000, .meaning = "seconds"},
  // Debugging
  {.name = "DEBUG", .type = kBool, .fallback = "false", .bad = D, .meaning = "debug log level"},
  {.name = "TOLLGATE_LOG_LEVEL", .type = kChoice, .fallback = "info", .choices = "debug|info|warn|error", .meaning = "what is logged"},
  {.name = "TOLLGATE_LOG_MAX_MB", .type = kInt, .fallback = "100", .min = 1, .max = 100'000, .meaning = "size at which a log file is rotated"},
  {.name = "TOLLGATE_LOG_KEEP", .type = kInt, .fallback = "10", .min = 1, .max = 1000, .meaning = "rotated files kept"},
  {.name = "GIN_MODE", .support = kNoEffect, .meaning = "of the compatible product"},
  {.name = "ENABLE_PPROF", .type = kBool, .fallback = "false", .bad = D, .support = kNoEffect, .meaning = "of the compatible product"},
  {.name = "PYROSCOPE_URL", .support = kNoEffect, .meaning = "of the compatible product"},
};
// clang-format on

}  // namespace

std::span<const Variable> variables() { return kVariables; }

}  // namespace tollgate::core
