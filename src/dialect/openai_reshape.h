// Answers in another shape than the upstream gave them, on channels that say so. What no rule names passes as it came.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "dialect/openai_usage.h"

namespace tollgate::dialect {

struct ReshapeRules {
  // Only the members that every OpenAI client knows, in their usual order.
  bool canonical = false;
  // Streams: reasoning goes into the content, between <think> and </think>.
  bool thinking_to_content = false;
  // completion_tokens that leave out reasoning get it added, as the total has it.
  bool whole_completion = false;

  bool any() const { return canonical || thinking_to_content || whole_completion; }
};

// One answer of chat or completions. Not for texts that are no JSON object: they pass.
class OpenAiReshaper {
 public:
  explicit OpenAiReshaper(ReshapeRules rules) : rules_(rules) {}

  // What is sent in place of one event of a stream; called in the order of the stream.
  void event(std::string_view payload, const std::function<void(std::string_view)>& send);
  // A plain answer, with `usage` in canonical shape when there is one.
  std::string answer(std::string_view body) const;

 private:
  struct Thinking {
    bool begun = false;
    bool ended = false;
  };
  void finish_event(std::string payload, const std::function<void(std::string_view)>& send) const;

  ReshapeRules rules_;
  std::map<std::string, Thinking, std::less<>> thinking_;  // by the choice's index, as it stands
};

}  // namespace tollgate::dialect
