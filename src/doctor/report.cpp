#include "doctor/report.h"

#include <fmt/core.h>

#include <algorithm>
#include <boost/json.hpp>

namespace tollgate::doctor {
namespace {

std::string_view word(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPass: return "PASS";
    case Verdict::kWarn: return "WARN";
    case Verdict::kFail: return "FAIL";
    case Verdict::kSkip: return "SKIP";
  }
  return "";
}

std::string_view severity(Verdict verdict) {
  switch (verdict) {
    case Verdict::kFail: return "error";
    case Verdict::kWarn: return "warning";
    default: return "info";
  }
}

std::string counted(std::size_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

}  // namespace

void Report::pass(std::string_view id, std::string_view name, std::string evidence) {
  findings_.push_back({std::string(id), std::string(name), Verdict::kPass, std::move(evidence), "", ""});
}

void Report::skip(std::string_view id, std::string_view name, std::string why) {
  findings_.push_back({std::string(id), std::string(name), Verdict::kSkip, std::move(why), "", ""});
}

void Report::warn(std::string_view id, std::string_view name, std::string evidence, std::string cause,
                  std::string remedy) {
  findings_.push_back(
      {std::string(id), std::string(name), Verdict::kWarn, std::move(evidence), std::move(cause), std::move(remedy)});
}

void Report::fail(std::string_view id, std::string_view name, std::string evidence, std::string cause,
                  std::string remedy) {
  findings_.push_back(
      {std::string(id), std::string(name), Verdict::kFail, std::move(evidence), std::move(cause), std::move(remedy)});
}

std::size_t Report::count(Verdict verdict) const {
  return static_cast<std::size_t>(std::ranges::count(findings_, verdict, &Finding::verdict));
}

std::string Report::text(std::string_view title) const {
  std::string out = fmt::format("tollgate doctor: {}\n", title);
  for (const auto& finding : findings_) {
    out += fmt::format(" {} {:<8} {:<22} {}\n", word(finding.verdict), finding.id, finding.name, finding.evidence);
    if (!finding.cause.empty()) out += fmt::format("      {}\n", finding.cause);
    if (!finding.remedy.empty()) out += fmt::format("      → {}\n", finding.remedy);
  }
  return out + fmt::format("{}, {}; exit {}\n", counted(count(Verdict::kWarn), "warning"),
                           counted(count(Verdict::kFail), "failure"), exit_code());
}

std::string Report::json(std::string_view title) const {
  boost::json::array checks;
  for (const auto& finding : findings_)
    checks.push_back({{"id", finding.id},
                      {"name", finding.name},
                      {"severity", severity(finding.verdict)},
                      {"result", word(finding.verdict)},
                      {"evidence", finding.evidence},
                      {"cause", finding.cause},
                      {"remedy", finding.remedy}});
  boost::json::object all{{"node", title},
                          {"warnings", count(Verdict::kWarn)},
                          {"failures", count(Verdict::kFail)},
                          {"exit", exit_code()},
                          {"checks", std::move(checks)}};
  return boost::json::serialize(all) + "\n";
}

}  // namespace tollgate::doctor
