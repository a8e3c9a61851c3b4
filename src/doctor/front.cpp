// P-01 … P-07, S-05, N-01: a node from outside, and what stands in front of all of them. Nothing is logged in: where a
// session is needed the doctor signs a cookie itself, as any node with the same SESSION_SECRET would.
#include <fmt/core.h>

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>

#include "doctor/doctor.h"
#include "doctor/http.h"
#include "doctor/nodes.h"
#include "doctor/visitor.h"

namespace tollgate::doctor {
namespace {

constexpr int kCookieRounds = 20;

std::string seen(const HttpAnswer& answer) {
  return answer.status == 0 ? answer.error : fmt::format("status {}", answer.status);
}

void check_node(Patient& patient, const std::string& url) {
  auto& report = patient.report;
  const auto status = call({.url = url + "/api/status"});
  if (!succeeded(status))
    return report.fail("N-01", "node", url + ": " + seen(status), "the node does not answer as one",
                       "is it started, does it listen on an address that this machine reaches, is the port open?");
  const auto ready = call({.url = url + "/readyz"});
  if (ready.status != 200)
    return report.warn("N-01", "node", url + " is not ready: " + ready.body, "balancers send it nothing",
                       url + "/readyz?verbose says why");
  std::string evidence = url + " answers and is ready";
  if (!patient.setting.asked.key.empty()) {
    const auto models =
        call({.url = url + "/v1/models", .headers = {"Authorization: Bearer " + patient.setting.asked.key}});
    if (models.status != 200)
      return report.fail("N-01", "node", url + "/v1/models: " + seen(models), "the key is not good at this node",
                         "does the node use the same SQL_DSN?");
    evidence += ", and takes the key";
  }
  report.pass("N-01", "node", evidence);
}

// Operators' pages are for peers without a forwarding header: one that comes through shows that there is none.
void check_address(Report& report, const std::string& url) {
  const auto page = call({.url = url + "/metrics"});
  if (page.status == 200 && page.body.find("tollgate_build_info") != std::string::npos)
    return report.fail(
        "P-01", "client address", url + "/metrics answers",
        "the balancer does not say for whom it asks: all users share its address, its limits, and its rights",
        "nginx: proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; and proxy_set_header Host $host;");
  report.pass("P-01", "client address", "the balancer marks what it forwards");
}

void check_body(Report& report, const std::string& url) {
  const std::string body =
      R"({"model":"doctor","messages":[{"role":"user","content":")" + std::string(2U << 20U, 'x') + "\"}]}";
  const auto answer = call({.url = url + "/v1/chat/completions",
                            .headers = {"Content-Type: application/json", "Authorization: Bearer sk-doctor"},
                            .body = body});
  if (answer.status == 413)
    return report.warn("P-04", "body limit", "a body of 2 MB is refused with 413",
                       "pictures and long prompts do not pass the balancer", "nginx: client_max_body_size 128m;");
  report.pass("P-04", "body limit", "a body of 2 MB passes");
}

void check_redirect(Report& report, const std::string& url) {
  const auto page = call({.url = url + "/"});
  const auto to = page.header("location");
  if (page.status >= 300 && page.status < 400 && (to.starts_with(url + "/") || to == url || to.starts_with("/")))
    return report.fail("P-06", "redirect", fmt::format("{}/ → {} → {}", url, page.status, to),
                       "the address leads to itself: browsers give up after twenty rounds",
                       "FRONTEND_BASE_URL must not be the address of the balancer that leads to this node");
  report.pass("P-06", "redirect", fmt::format("{}/ answers with {}", url, page.status));
}

// Streams come in pieces, unless somebody on the way collects them.
void check_stream(Patient& patient, const std::string& url) {
  auto& report = patient.report;
  const auto& key = patient.setting.asked.key;
  if (key.empty()) return report.skip("P-03", "streaming", "give --key for a call (it is charged as any other)");
  const auto models = call({.url = url + "/v1/models", .headers = {"Authorization: Bearer " + key}});
  boost::system::error_code failed;
  auto list = boost::json::parse(models.body, failed);
  const auto* data = !failed && list.is_object() ? list.get_object().if_contains("data") : nullptr;
  if (models.status != 200 || !data || !data->is_array() || data->get_array().empty())
    return report.skip("P-03", "streaming", url + "/v1/models: " + seen(models) + ", no model to call");
  const auto model = data->get_array().front().at("id");
  const auto body = fmt::format(
      R"({{"model":{},"stream":true,"max_tokens":64,"messages":[{{"role":"user","content":"Count to twenty."}}]}})",
      boost::json::serialize(model));
  const auto answer = call({.url = url + "/v1/chat/completions",
                            .headers = {"Content-Type: application/json", "Authorization: Bearer " + key},
                            .body = body,
                            .limit = std::chrono::seconds(60)});
  std::size_t events = 0;
  for (std::size_t at = 0; (at = answer.body.find("data:", at)) != std::string::npos; at += 5) ++events;
  if (answer.status != 200 || events < 5)
    return report.skip("P-03", "streaming", fmt::format("{} gave {} event(s): too few to tell", seen(answer), events));
  const auto spread = (answer.pieces.back() - answer.pieces.front()).count();
  const auto evidence = fmt::format("{} events in {} pieces over {} ms", events, answer.pieces.size(), spread);
  if (answer.pieces.size() * 4 < events && answer.pieces.back().count() > 500 &&
      spread * 4 < answer.pieces.back().count())
    return report.warn("P-03", "streaming", evidence, "somebody on the way collects the answer before passing it on",
                       "nginx: proxy_buffering off;");
  report.pass("P-03", "streaming", evidence);
}

// Which node refuses the cookie that the others take: asked at their own addresses.
std::string refusing_nodes(Patient& patient, const Visitor& who, std::size_t& accepting) {
  std::string refusing;
  if (!patient.cluster) return refusing;
  for (const auto* row : live_nodes(*patient.cluster)) {
    if (row->advertise.empty()) continue;
    const auto answer = call({.url = without_slash(row->advertise) + "/api/user/self",
                              .headers = who.headers,
                              .limit = std::chrono::seconds(3)});
    if (answer.status == 0) continue;
    if (succeeded(answer))
      ++accepting;
    else
      refusing += (refusing.empty() ? "" : ", ") + row->name;
  }
  return refusing;
}

void check_cookies(Patient& patient, const std::string& url) {
  auto& report = patient.report;
  const auto who = visitor(patient);
  if (!who) {
    report.skip("S-05", "cookies", "needs SESSION_SECRET, and a database with an administrator");
    return report.skip("P-07", "cookies kept", "likewise");
  }
  int good = 0, answered = 0;
  for (int i = 0; i < kCookieRounds; ++i) {
    const auto answer = call({.url = url + "/api/user/self", .headers = who->headers});
    if (answer.status == 429) break;
    answered += answer.status != 0;
    good += succeeded(answer);
  }
  std::size_t accepting = 0;
  const auto refusing = refusing_nodes(patient, *who, accepting);
  const auto evidence = fmt::format("{} of {} visits through {} were known", good, answered, url);
  if (!refusing.empty())
    report.fail("S-05", "cookies", fmt::format("{}; refused by node {}", evidence, refusing),
                "its SESSION_SECRET is another one: users are logged out whenever the balancer sends them there",
                "give " + refusing + " the SESSION_SECRET of the others");
  else if (good == answered && answered > 0)
    report.pass("S-05", "cookies", evidence);
  else if (accepting == 0)
    report.fail("S-05", "cookies", evidence, "a cookie signed with the SESSION_SECRET given here is not taken",
                "run the doctor with the environment of a node");
  else
    report.pass("S-05", "cookies", fmt::format("all {} nodes that can be reached take it themselves", accepting));

  // The way back: logging out sends the cookie anew. The visitor has no row, so nobody is logged out by it.
  const auto left = call({.url = url + "/api/user/logout", .headers = who->headers});
  const auto set = left.header("set-cookie");
  const bool https = url.starts_with("https://");
  if (refusing.empty() && accepting > 0 && good < answered)
    return report.fail("P-07", "cookies kept", evidence + "; the nodes themselves know it",
                       "the header Cookie is lost between client and node: nobody can stay logged in",
                       "take `proxy_set_header Cookie …` out of the balancer's file, and look for caches in between");
  if (left.status == 200 && set.empty())
    return report.fail("P-07", "cookies kept", "log-out through " + url + " sets no cookie",
                       "the header Set-Cookie is lost between node and client: nobody can log in",
                       "take `proxy_hide_header Set-Cookie` and `proxy_ignore_headers` out of the balancer's file");
  if (!https && set.find("Secure") != std::string::npos)
    return report.fail("P-07", "cookies kept", "the cookie is marked Secure, and " + url + " is plain http",
                       "browsers never send it back", "use https, or unset SESSION_COOKIE_SECURE");
  report.pass("P-07", "cookies kept", "Cookie and Set-Cookie pass");
  if (https && set.find("Secure") == std::string::npos)
    return report.warn("P-02", "scheme", "the cookie is not marked Secure",
                       "the nodes do not know that clients use https",
                       "nginx: proxy_set_header X-Forwarded-Proto $scheme;");
  report.pass("P-02", "scheme", https ? "the nodes know that clients use https" : "plain http");
}

}  // namespace

void check_front(Patient& patient) {
  auto& report = patient.report;
  const auto& asked = patient.setting.asked;
  if (!asked.node.empty()) check_node(patient, without_slash(asked.node));
  if (asked.url.empty()) {
    for (auto id : {"P-01", "P-02", "P-03", "P-04", "P-05", "P-06", "P-07", "S-05"})
      report.skip(id, "balancer", "give --url to look at it");
    return;
  }
  const auto url = without_slash(asked.url);
  const auto status = call({.url = url + "/api/status"});
  if (!succeeded(status)) {
    report.fail("P-01", "balancer", url + ": " + seen(status), "the balancer does not lead to a node",
                "check its upstream block, and that its machine reaches the nodes' ports");
    return;
  }
  check_address(report, url);
  check_stream(patient, url);
  check_body(report, url);
  report.skip("P-05", "idle timeout",
              "not tried: a silent stream of more than a minute; nginx wants proxy_read_timeout 600s;");
  check_redirect(report, url);
  check_cookies(patient, url);
}

}  // namespace tollgate::doctor
