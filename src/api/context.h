// What a handler sees of a request, and the few ways to answer.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "api/api.h"
#include "api/json.h"
#include "api/messages.h"
#include "api/session_cookie.h"
#include "model/token.h"

namespace tollgate::api {

inline constexpr int kRoleCommon = 1;
inline constexpr int kRoleAdmin = 10;
inline constexpr int kRoleRoot = 100;

// Who calls, as the users table says now (never as the cookie says). id 0: nobody.
struct Identity {
  core::UserId id;
  std::string username;
  int role = 0;
  std::string group;
  bool by_access_token = false;
};

// The session of the cookie. Handlers change `values` and set `changed`; the cookie is written after them.
struct Session {
  SessionValues values;
  std::int64_t saved_at = 0;
  bool changed = false;
};

// The query of a request, percent-decoded. The first of equal names counts.
class Query {
 public:
  explicit Query(std::string_view raw);
  std::string text(std::string_view name) const;
  std::int64_t integer(std::string_view name) const;  // 0 when absent or no integer
  bool boolean(std::string_view name) const;          // Go's spellings of true
  bool has(std::string_view name) const;

 private:
  std::vector<std::pair<std::string, std::string>> items_;
};

// Page p of page_size rows (1…100, default 10) as the lists understand their query.
struct Page {
  std::int64_t number = 1;
  std::int64_t size = 10;
  std::int64_t offset() const { return (number - 1) * size; }
};

struct Context {
  const Request& request;
  const Services& services;
  std::shared_ptr<const core::Options> options;
  sql::Connection& db;
  Session session;
  Identity user;
  std::optional<model::Token> api_key;  // of routes for holders of an API key
  Language language = Language::kEnglish;
  std::string parameter;  // what {id} stood for
  Query query;

  std::int64_t now() const { return services.clock.unix_seconds(); }
  Page page() const;
  // The path's id; nullopt when it is not an integer (answer with bad_id()).
  std::optional<std::int64_t> id() const;
};

// A connection to the log database: the request's own when both are one pool, for a second lease could wait for itself.
class LogConnection {
 public:
  explicit LogConnection(const Context& context);
  sql::Connection& operator*() const { return own_ ? **own_ : shared_; }

 private:
  sql::Connection& shared_;
  std::optional<sql::Pool::Lease> own_;
};

using Handler = Response (*)(Context&);

// Those in force now: the first signs, all verify.
std::vector<std::string> session_secrets(const Services& services);

// Answers. fail() is HTTP 200 with success false, as clients of this API expect.
Response ok();
Response ok(json::value data);
Response ok_message(std::string_view message);
Response fail(std::string_view message);
Response fail(int status, std::string_view message);
Response fail_key(const Context& context, std::string_view catalogue_key, std::string_view argument = {});
Response bad_id(const Context& context);  // a path id that is no integer
Response not_found();                     // record not found
Response database_failure();              // the text says nothing about the statement
Response json_response(int status, const json::object& body);

// {"page","page_size","total","items"} as data.
json::object page_object(const Page& page, std::int64_t total, json::array items);

// An amount as log rows and messages write it, by the display type of the options.
std::string quota_text(const core::Options& options, core::Quota quota);

}  // namespace tollgate::api
