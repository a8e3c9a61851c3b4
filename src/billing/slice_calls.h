// Nodes ask each other to give back what they hold of an account and do not use. The ledger speaks through two
// callbacks; here are these as texts on a channel that every node hears.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "billing/slices.h"

namespace tollgate::billing {

// Both return at once, on any thread.
struct SliceCalls {
  // To every other node: return your slices of these accounts, then answer `call`. False: nobody was told.
  std::function<bool(std::uint64_t call, const std::vector<AccountId>& accounts)> ask;
  // To `node`: what you asked for under `call` is in the database.
  std::function<void(const std::string& node, std::uint64_t call)> answer;
};

struct SliceMessage {
  std::string from;                 // node id
  std::string to;                   // of an answer; empty: asks every node
  std::uint64_t call = 0;           // numbered by the node that asks
  std::vector<AccountId> accounts;  // of a question
};
// {"n":"<from>","c":7,"a":["user:1","token:2"]}, answers {"n":"<from>","to":"<node>","c":7}
std::string encode(const SliceMessage& message);
std::optional<SliceMessage> decode_slice_message(std::string_view text);  // nullopt: not one of ours

}  // namespace tollgate::billing
