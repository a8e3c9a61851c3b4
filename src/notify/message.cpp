#include "notify/message.h"

#include <fmt/core.h>

namespace tollgate::notify {

std::string Message::filled() const {
  constexpr std::string_view kPlace = "{{value}}";
  std::string out;
  std::string_view rest = content;
  for (const auto& value : values) {
    const auto at = rest.find(kPlace);
    if (at == std::string_view::npos) break;
    out += rest.substr(0, at);
    out += value;
    rest = rest.substr(at + kPlace.size());
  }
  out += rest;
  return out;
}

std::string Message::html() const {
  if (is_html) return filled();
  std::string out;
  for (char c : filled()) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      default: out.push_back(c);
    }
  }
  return out;
}

Message low_balance(const Recipient& to, const core::Options& options, core::Quota left) {
  Message out{.type = "quota_exceed", .title = "您的额度即将用尽", .content = {}, .values = {}};
  out.values = {out.title, amount_text(options, left)};
  switch (to.way) {
    case Way::kBark: out.content = "{{value}}，剩余额度：{{value}}，请及时充值"; break;
    case Way::kGotify: out.content = "{{value}}，当前剩余额度为 {{value}}，请及时充值。"; break;
    case Way::kEmail:
    case Way::kWebhook: {
      out.is_html = true;
      out.content =
          "{{value}}，当前剩余额度为 {{value}}，为了不影响您的使用，请及时充值。<br/>充值链接：<a "
          "href='{{value}}'>{{value}}</a>";
      const auto link = options.link_base() + "/console/topup";
      out.values.insert(out.values.end(), {link, link});
      break;
    }
  }
  return out;
}

Message channel_status(core::ChannelId id, std::string_view name, int status, std::string_view reason) {
  Message out{.type = fmt::format("channel_update_{}_{}", id.value, status), .title = {}, .content = {}, .values = {}};
  out.title = fmt::format("通道「{}」（#{}）已被{}", name, id.value, status == 1 ? "启用" : "禁用");
  out.content = status == 1 ? out.title : fmt::format("{}，原因：{}", out.title, reason);
  return out;
}

Message tests_done() {
  return {.type = "channel_test", .title = "通道测试完成", .content = "所有通道测试已完成", .values = {}};
}

std::string amount_text(const core::Options& options, core::Quota quota) {
  const std::string& type = options.text("general_setting.quota_display_type");
  if (type == "TOKENS") return std::to_string(quota.units);
  const double per_unit = options.real("QuotaPerUnit");
  const double dollars = per_unit > 0 ? static_cast<double>(quota.units) / per_unit : 0;
  if (type == "CNY") return fmt::format("¥{:.6f}", dollars * options.real("USDExchangeRate"));
  if (type == "CUSTOM") {
    const std::string& symbol = options.text("general_setting.custom_currency_symbol");
    const double rate = options.real("general_setting.custom_currency_exchange_rate");
    return fmt::format("{}{:.6f}", symbol.empty() ? "¤" : symbol, dollars * (rate > 0 ? rate : 1));
  }
  return fmt::format("＄{:.6f}", dollars);
}

}  // namespace tollgate::notify
