// The management API (/api/…): a plain function from request to response, without sockets. A network worker hands the
// request to a thread pool; handle() runs there, may block on SQL and on password hashing, and may be called from many
// threads at once.
#pragma once
#include <boost/json/fwd.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "core/option_table.h"
#include "core/rate_limit.h"
#include "core/result.h"
#include "core/types.h"
#include "sql/connection.h"

namespace tollgate::api {

struct Request {
  std::string method;  // upper case
  std::string path;    // percent-decoding not yet done, without the query
  std::string query;   // what follows '?', may be empty
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::string client_ip;      // as the trusted-proxy rules gave it
  bool is_neighbour = false;  // the direct peer is this machine or a trusted proxy that speaks for itself
  bool https = false;         // as the client sees it

  // First header of that name in any letter case; empty when there is none.
  std::string_view header(std::string_view name) const;
};

struct Response {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;  // Content-Type included when there is a body
  std::string body;
};

// Settings that do not change while the process runs.
struct Settings {
  std::vector<std::string> session_secrets;  // the first signs, all verify; must not be empty
  std::string version = "v0.0.0";
  std::int64_t start_time = 0;  // unix seconds
  bool batch_update = false;    // only reported
  bool secure_cookie = false;
  std::string admin_token;  // of operators, for the routes of the cluster; empty: none
  struct Limit {
    bool enabled = true;
    std::int64_t count = 0;
    std::int64_t seconds = 0;
  };
  Limit global_limit{true, 180, 180};    // per client address, all of /api
  Limit critical_limit{true, 20, 1200};  // per client address, log-in and its kin together
};

// A test request to a channel's upstream. Empty texts: the channel decides.
struct ChannelTest {
  core::ChannelId channel;
  std::string model;
  std::string endpoint;
  bool stream = false;
};
struct ChannelTestResult {
  bool success = false;
  std::string message;  // empty when it went well
  double seconds = 0;   // 0 when the upstream was not called
};

// Counts over the answers to requests of one affinity rule, group and key.
struct AffinityUsage {
  std::int64_t hit = 0, total = 0, window_seconds = 0;
  std::int64_t prompt_tokens = 0, completion_tokens = 0, total_tokens = 0, cached_tokens = 0;
  std::int64_t last_seen_at = 0;  // unix seconds
};

// What people may want of a node of the cluster.
enum class NodeWish { kDrain, kResume, kStepDown, kForget };

// The cluster, as the program connects it; without callbacks there is none.
struct ClusterServices {
  std::function<core::Result<boost::json::object>()> all = {};
  std::function<core::Result<boost::json::object>(std::string_view node)> node = {};  // by id or name
  std::function<core::Result<void>(std::string_view node, NodeWish wish, std::int64_t seconds)> wish = {};

  // "channels=12,options=7": what is in force here; goes out with answers to changes.
  std::function<std::string()> versions = {};
  // The version of everything that is in force here; what options() gives is never older than it.
  std::function<std::int64_t()> epoch = {};
  // As a client got it from some node: this one loads first when it is behind.
  std::function<void(std::string_view versions)> catch_up = {};
  // Waits until all ready nodes have what is in force here, for seconds at most; how many of how many have.
  std::function<std::pair<std::size_t, std::size_t>()> wait_for_all = {};
};

// What the API needs from the rest of the program. Pools, clock and limits must outlive the Api. Callbacks may be
// empty; they run on the calling thread after the change is committed and must not throw.
struct Services {
  sql::Pool& db;
  sql::Pool& log_db;  // may be the same pool
  const core::Clock& clock;
  core::RateLimits& limits;  // counts by address and by user, shared with the other paths of the node
  Settings settings = {};

  // The session secrets in force, for those that may change while the process runs. Empty: settings.session_secrets.
  std::function<std::vector<std::string>()> session_secrets = {};

  // The options in force on this node. Empty: they are read from SQL at each request.
  std::function<std::shared_ptr<const core::Options>()> options = {};

  // After a change: make it visible to the request path of this node (and tell the others). options_changed returns
  // when options() gives the new values.
  std::function<void()> channels_changed = {};
  std::function<void()> options_changed = {};
  std::function<void(core::UserId)> user_changed = {};
  // The key as stored, without sk-; without an id when all keys of a user are meant, which user_changed says as well.
  std::function<void(core::TokenId, std::string_view key)> token_changed = {};

  // Money. Shown balances add what this or other nodes hold for the account; without a callback the column is shown.
  // Setting goes through the ledger, never through the columns; without a callback such a change is refused.
  std::function<core::Quota(core::UserId, core::Quota column)> shown_user_balance = {};
  std::function<core::Quota(core::TokenId, core::Quota column)> shown_token_balance = {};
  std::function<core::Result<void>(core::UserId, core::Quota balance)> set_user_balance = {};
  std::function<core::Result<void>(core::TokenId, core::Quota balance)> set_token_balance = {};

  // Channel tests, with everything that is written about one; without a callback they are refused. test_channel waits
  // for the upstream; test_all_channels begins a run in the background, false: one runs already.
  std::function<ChannelTestResult(const ChannelTest&)> test_channel = {};
  std::function<bool()> test_all_channels = {};

  // What is left at a channel's vendor, asked anew and stored; without a callback it is refused. The first waits for
  // the vendor and gives dollars; the second for all channels, one after the other, false: a run is under way.
  std::function<core::Result<double>(core::ChannelId)> update_balance = {};
  std::function<bool()> update_all_balances = {};

  // Keys of channel affinity on this node; without callbacks there are none. Dropping answers how many went.
  std::function<void(const std::function<void(std::string_view)>&)> each_affinity_key = {};
  std::function<std::size_t(const std::function<bool(std::string_view)>&)> drop_affinity_keys = {};
  std::function<AffinityUsage(std::string_view rule, std::string_view group, std::string_view fingerprint)>
      affinity_usage = {};

  ClusterServices cluster = {};

  // Built-in model names by channel type (GET /api/models); empty: none are known.
  std::function<std::vector<std::pair<int, std::vector<std::string>>>()> builtin_models = {};
};

// Who sent a request, by session cookie or access token.
struct SessionCaller {
  core::UserId user;  // none: refused with the answer below
  bool by_access_token = false;
  Response refusal;
};

class Api {
 public:
  explicit Api(Services services);
  ~Api();
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;

  // Whether the path belongs to the management API (/api and below), known route or not.
  static bool owns(std::string_view path);

  // Never throws; an internal fault is a 500 in the API's own shape.
  Response handle(const Request& request);

  // The check of routes for users, for paths outside of this API that a session opens. Never throws.
  SessionCaller caller(const Request& request);

 private:
  Response dispatch(const Request& request);
  SessionCaller find_caller(const Request& request);

  Services services_;
};

}  // namespace tollgate::api
