#include "billing/slice_calls.h"

#include <boost/json.hpp>
#include <charconv>

namespace tollgate::billing {
namespace {

constexpr std::size_t kMostAccounts = 1000;

std::optional<AccountId> parse_account(std::string_view text) {
  AccountId account;
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto kind = text.substr(0, colon);
  if (kind == to_string(AccountKind::kToken))
    account.kind = AccountKind::kToken;
  else if (kind != to_string(AccountKind::kWallet))
    return std::nullopt;
  const auto* end = text.data() + text.size();
  auto [stop, wrong] = std::from_chars(text.data() + colon + 1, end, account.id);
  if (wrong != std::errc{} || stop != end) return std::nullopt;
  return account;
}

}  // namespace

std::string encode(const SliceMessage& message) {
  boost::json::object out{{"n", message.from}, {"c", message.call}};
  if (!message.to.empty()) {
    out.emplace("to", message.to);
  } else {
    boost::json::array accounts;
    for (auto account : message.accounts)
      accounts.emplace_back(std::string(to_string(account.kind)) + ":" + std::to_string(account.id));
    out.emplace("a", std::move(accounts));
  }
  return boost::json::serialize(out);
}

std::optional<SliceMessage> decode_slice_message(std::string_view text) {
  boost::json::error_code bad;
  auto value = boost::json::parse(text, bad);
  const auto* object = bad ? nullptr : value.if_object();
  if (!object) return std::nullopt;
  const auto* from = object->if_contains("n");
  const auto* call = object->if_contains("c");
  const auto* to = object->if_contains("to");
  const auto* accounts = object->if_contains("a");
  if (!from || !from->is_string() || !call) return std::nullopt;
  SliceMessage message;
  boost::json::error_code not_a_number;
  message.from = std::string(from->get_string());
  message.call = call->to_number<std::uint64_t>(not_a_number);
  if (not_a_number) return std::nullopt;
  if (to && to->is_string() && !to->get_string().empty()) {
    message.to = std::string(to->get_string());
    return message;
  }
  if (!accounts || !accounts->is_array() || accounts->get_array().size() > kMostAccounts) return std::nullopt;
  for (const auto& entry : accounts->get_array()) {
    auto account = entry.is_string() ? parse_account(entry.get_string()) : std::nullopt;
    if (!account) return std::nullopt;
    message.accounts.push_back(*account);
  }
  return message;
}

}  // namespace tollgate::billing
