#include "provider/address.h"

namespace tollgate::provider {
namespace {

using dialect::OpenAiRoute;

constexpr std::string_view kCloudflareGateway = "https://gateway.ai.cloudflare.com";

struct Plan {
  std::string_view name;
  std::string_view base;
};
constexpr Plan kPlans[] = {
    {"glm-coding-plan", "https://open.bigmodel.cn/api/coding/paas/v4"},
    {"glm-coding-plan-international", "https://api.z.ai/api/coding/paas/v4"},
    {"kimi-coding-plan", "https://api.kimi.com/coding/v1"},
    {"doubao-coding-plan", "https://ark.cn-beijing.volces.com/api/coding/v3"},
};

// A client's name of a model can hold anything. `keep` are the marks that may stand besides letters and digits.
std::string escaped(std::string_view text, std::string_view keep) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (char c : text) {
    bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                 keep.find(c) != std::string_view::npos;
    if (plain) {
      out += c;
    } else {
      auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += kHex[byte >> 4U];
      out += kHex[byte & 15U];
    }
  }
  return out;
}

// With room for what is added behind.
std::string joined(std::string_view base, std::string_view path) {
  std::string out;
  out.reserve(base.size() + path.size() + 64);
  out += base;
  out += path;
  return out;
}

// The first parameter of that name, as it stands.
std::string_view raw_parameter(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    auto amp = query.find('&');
    auto pair = query.substr(0, amp);
    if (pair.starts_with(name) && pair.substr(name.size()).starts_with('=')) return pair.substr(name.size() + 1);
    query = amp == std::string_view::npos ? std::string_view() : query.substr(amp + 1);
  }
  return {};
}

}  // namespace

std::string_view route_path(OpenAiRoute route) {
  switch (route) {
    case OpenAiRoute::kChatCompletions: return "/chat/completions";
    case OpenAiRoute::kCompletions: return "/completions";
    case OpenAiRoute::kEmbeddings: return "/embeddings";
    case OpenAiRoute::kModerations: return "/moderations";
    case OpenAiRoute::kImages: return "/images/generations";
    case OpenAiRoute::kImageEdits: return "/images/edits";
    case OpenAiRoute::kSpeech: return "/audio/speech";
    case OpenAiRoute::kTranscriptions: return "/audio/transcriptions";
    case OpenAiRoute::kTranslations: return "/audio/translations";
    case OpenAiRoute::kRerank: return "/rerank";
    case OpenAiRoute::kRealtime: return "/realtime";
  }
  return "";
}

std::string_view plan_base(std::string_view base_url) {
  for (const auto& plan : kPlans)
    if (plan.name == base_url) return plan.base;
  return {};
}

core::Result<std::string> openai_address(const Call& call, std::string_view base) {
  // The Cloudflare AI gateway's addresses already stand where the version would.
  auto out = joined(base, base.starts_with(kCloudflareGateway) ? "" : "/v1");
  return out += route_path(call.route);
}

core::Result<std::string> azure_address(const Call& call, std::string_view base) {
  std::string deployment(call.model);
  if (call.dotless_deployment) std::erase(deployment, '.');
  std::string out;
  if (call.route == OpenAiRoute::kRealtime) {
    out = joined(base, "/openai/realtime?deployment=");
    out += escaped(deployment, "-._~");
    out += "&api-version=";
  } else {
    out = joined(base, base.starts_with(kCloudflareGateway) ? "/" : "/openai/deployments/");
    out += escaped(deployment, "-._~");
    out += route_path(call.route);
    out += "?api-version=";
  }
  auto asked = raw_parameter(call.query, "api-version");
  return out += asked.empty() ? escaped(call.other, "-._~") : std::string(asked);
}

// The whole address, with the model put in.
core::Result<std::string> custom_address(const Call& call, std::string_view) {
  constexpr std::string_view kMark = "{model}";
  const auto model = escaped(call.model, "-._~/:@");
  std::string out(call.base_url);
  for (auto at = out.find(kMark); at != std::string::npos; at = out.find(kMark, at + model.size()))
    out.replace(at, kMark.size(), model);
  return out;
}

// Fill-in-the-middle is kept apart.
core::Result<std::string> deepseek_address(const Call& call, std::string_view base) {
  if (call.route != OpenAiRoute::kCompletions) return joined(base, "/v1/chat/completions");
  return joined(base, base.ends_with("/beta") ? "/completions" : "/beta/completions");
}

core::Result<std::string> minimax_address(const Call&, std::string_view base) {
  return joined(base, "/v1/text/chatcompletion_v2");
}

core::Result<std::string> cloudflare_address(const Call& call, std::string_view base) {
  if (call.other.empty()) return core::error(core::Errc::kInvalid, "the channel has no account id");
  auto out = joined(base, "/client/v4/accounts/");
  out += escaped(call.other, "-._~");
  out += "/ai/v1";
  return out += route_path(call.route);
}

core::Result<std::string> mokaai_address(const Call& call, std::string_view base) {
  return joined(base, call.model.starts_with("m3e") ? "/embeddings" : "/chat/");
}

// Agents ("bot-…") are kept apart from models.
core::Result<std::string> volcengine_address(const Call& call, std::string_view base) {
  auto out = joined(base, "/api/v3");
  if (call.route == OpenAiRoute::kChatCompletions && call.model.starts_with("bot")) out += "/bots";
  return out += route_path(call.route);
}

}  // namespace tollgate::provider
