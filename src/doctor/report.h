// What the doctor found: one finding a check, for people and for programs.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace tollgate::doctor {

enum class Verdict { kPass, kWarn, kFail, kSkip };

struct Finding {
  std::string id;    // C-01; stable, docs/doctor.md has a row for each
  std::string name;  // of what was looked at
  Verdict verdict = Verdict::kPass;
  std::string evidence;  // what was seen; never a secret
  std::string cause;     // what that means; empty when it is well
  std::string remedy;    // a command or a line to paste; likewise
};

class Report {
 public:
  void pass(std::string_view id, std::string_view name, std::string evidence);
  void skip(std::string_view id, std::string_view name, std::string why);
  void warn(std::string_view id, std::string_view name, std::string evidence, std::string cause, std::string remedy);
  void fail(std::string_view id, std::string_view name, std::string evidence, std::string cause, std::string remedy);

  const std::vector<Finding>& findings() const { return findings_; }
  std::size_t count(Verdict verdict) const;
  int exit_code() const { return count(Verdict::kFail) > 0 ? 1 : 0; }

  std::string text(std::string_view title) const;
  std::string json(std::string_view title) const;

 private:
  std::vector<Finding> findings_;
};

}  // namespace tollgate::doctor
