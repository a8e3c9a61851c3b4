#include "provider/provider.h"

namespace tollgate::provider {
namespace {

using dialect::OpenAiRoute;
using enum StreamOptions;

constexpr RouteSet kChat = route_bit(OpenAiRoute::kChatCompletions);
constexpr RouteSet kCompletions = route_bit(OpenAiRoute::kCompletions);
constexpr RouteSet kEmbeddings = route_bit(OpenAiRoute::kEmbeddings);
constexpr RouteSet kModerations = route_bit(OpenAiRoute::kModerations);
constexpr RouteSet kImages = route_bit(OpenAiRoute::kImages);
constexpr RouteSet kImageEdits = route_bit(OpenAiRoute::kImageEdits);
constexpr RouteSet kRerank = route_bit(OpenAiRoute::kRerank);
constexpr RouteSet kRealtime = route_bit(OpenAiRoute::kRealtime);
constexpr RouteSet kAll = ~RouteSet{0};

// A server that copies OpenAI.
constexpr Provider compatible(int type, std::string_view name, std::string_view base_url) {
  return {.type = type,
          .name = name,
          .base_url = base_url,
          .routes = kAll,
          .stream_options = kTry,
          .passes_query = true,
          .body = openai_body};
}

// A row for every type that is stored; those without routes are named in lists and errors only.
// clang-format off
constexpr Provider kProviders[] = {
    compatible(0, "Unknown", ""),
    {.type = 1, .name = "OpenAI", .base_url = "https://api.openai.com", .routes = kAll, .stream_options = kYes,
     .passes_query = true, .address = openai_address, .body = openai_body},
    compatible(2, "Midjourney", "https://oa.api2d.net"),
    {.type = 3, .name = "Azure", .base_url = "", .routes = kAll, .stream_options = kYes, .address = azure_address,
     .caller = azure_key, .body = openai_body},
    {.type = 4, .name = "Ollama", .base_url = "http://localhost:11434"},
    compatible(5, "MidjourneyPlus", "https://api.openai-sb.com"),
    compatible(6, "OpenAIMax", "https://api.openaimax.com"),
    compatible(7, "OhMyGPT", "https://api.ohmygpt.com"),
    {.type = 8, .name = "Custom", .base_url = "", .routes = kAll, .stream_options = kTry, .address = custom_address,
     .body = openai_body},
    compatible(9, "AILS", "https://api.caipacity.com"),
    compatible(10, "AIProxy", "https://api.aiproxy.io"),
    {.type = 11, .name = "PaLM", .base_url = ""},
    compatible(12, "API2GPT", "https://api.api2gpt.com"),
    compatible(13, "AIGC2D", "https://api.aigc2d.com"),
    {.type = 14, .name = "Anthropic", .base_url = "https://api.anthropic.com"},
    {.type = 15, .name = "Baidu", .base_url = "https://aip.baidubce.com"},
    {.type = 16, .name = "Zhipu", .base_url = "https://open.bigmodel.cn"},
    {.type = 17, .name = "Ali", .base_url = "https://dashscope.aliyuncs.com",
     .routes = kChat | kCompletions | kEmbeddings, .stream_options = kYes, .prefix = "/compatible-mode/v1",
     .caller = dashscope_key, .body = dashscope_body},
    {.type = 18, .name = "Xunfei", .base_url = ""},
    compatible(19, "360", "https://api.360.cn"),
    {.type = 20, .name = "OpenRouter", .base_url = "https://openrouter.ai/api", .routes = kAll, .passes_query = true,
     .site_headers = openrouter_site, .body = openrouter_body},
    {.type = 21, .name = "AIProxyLibrary", .base_url = "https://api.aiproxy.io"},
    compatible(22, "FastGPT", "https://fastgpt.run/api/openapi"),
    {.type = 23, .name = "Tencent", .base_url = "https://hunyuan.tencentcloudapi.com"},
    {.type = 24, .name = "Gemini", .base_url = "https://generativelanguage.googleapis.com"},
    {.type = 25, .name = "Moonshot", .base_url = "https://api.moonshot.cn",
     .routes = kChat | kCompletions | kEmbeddings | kRerank, .plans = true, .usage = {.cached_apart = true}},
    {.type = 26, .name = "ZhipuV4", .base_url = "https://open.bigmodel.cn", .routes = kChat | kEmbeddings,
     .prefix = "/api/paas/v4", .plans = true, .body = zhipu_body, .usage = {.cached_apart = true}},
    {.type = 27, .name = "Perplexity", .base_url = "https://api.perplexity.ai", .routes = kChat, .prefix = "",
     .body = perplexity_body},
    compatible(31, "LingYiWanWu", "https://api.lingyiwanwu.com"),
    {.type = 33, .name = "AWS", .base_url = ""},
    {.type = 34, .name = "Cohere", .base_url = "https://api.cohere.ai"},
    {.type = 35, .name = "MiniMax", .base_url = "https://api.minimax.chat", .routes = kChat,
     .address = minimax_address},
    compatible(36, "SunoAPI", ""),
    {.type = 37, .name = "Dify", .base_url = "https://api.dify.ai"},
    {.type = 38, .name = "Jina", .base_url = "https://api.jina.ai", .routes = kEmbeddings | kRerank,
     .body = jina_body, .refusal = "invalid relay mode"},
    {.type = 39, .name = "Cloudflare", .base_url = "https://api.cloudflare.com", .routes = kChat | kEmbeddings,
     .stream_options = kYes, .address = cloudflare_address},
    {.type = 40, .name = "SiliconFlow", .base_url = "https://api.siliconflow.cn",
     .routes = kAll & ~(kImageEdits | kModerations | kRealtime), .passes_query = true, .body = siliconflow_body},
    {.type = 41, .name = "VertexAI", .base_url = ""},
    {.type = 42, .name = "Mistral", .base_url = "https://api.mistral.ai",
     .routes = kChat | kEmbeddings | kModerations, .passes_query = true, .body = mistral_body},
    {.type = 43, .name = "DeepSeek", .base_url = "https://api.deepseek.com", .routes = kChat | kCompletions,
     .stream_options = kYes, .address = deepseek_address},
    {.type = 44, .name = "MokaAI", .base_url = "https://api.moka.ai", .routes = kEmbeddings, .address = mokaai_address},
    {.type = 45, .name = "VolcEngine", .base_url = "https://ark.cn-beijing.volces.com",
     .routes = kChat | kEmbeddings | kImages, .stream_options = kYes, .plans = true, .address = volcengine_address,
     .body = volcengine_body},
    {.type = 46, .name = "BaiduV2", .base_url = "https://qianfan.baidubce.com",
     .routes = kChat | kEmbeddings | kImages | kImageEdits | kRerank, .stream_options = kYes, .prefix = "/v2",
     .caller = baidu_key, .body = baidu_body},
    compatible(47, "Xinference", ""),
    {.type = 48, .name = "xAI", .base_url = "https://api.x.ai", .routes = kChat | kCompletions | kImages,
     .stream_options = kYes, .passes_query = true, .body = xai_body, .usage = {.completion_without_reasoning = true}},
    {.type = 49, .name = "Coze", .base_url = "https://api.coze.cn"},
    compatible(50, "Kling", "https://api.klingai.com"),
    {.type = 51, .name = "Jimeng", .base_url = "https://visual.volcengineapi.com"},
    compatible(52, "Vidu", "https://api.vidu.cn"),
    {.type = 53, .name = "Submodel", .base_url = "https://llm.submodel.ai", .routes = kChat | kCompletions,
     .stream_options = kYes, .passes_query = true, .refusal = "submodel channel: endpoint not supported"},
    compatible(54, "DoubaoVideo", "https://ark.cn-beijing.volces.com"),
    compatible(55, "Sora", "https://api.openai.com"),
    {.type = 56, .name = "Replicate", .base_url = "https://api.replicate.com"},
    {.type = 57, .name = "Codex", .base_url = "https://chatgpt.com"},
};
// clang-format on

}  // namespace

std::span<const Provider> providers() { return kProviders; }

const Provider* find_provider(std::int64_t type) {
  for (const auto& provider : kProviders)
    if (provider.type == type) return &provider;
  return nullptr;
}

bool has_fixed_addresses(const Provider& provider) { return !provider.address || provider.address == openai_address; }

core::Result<std::string> upstream_url(const Provider& provider, const Call& call) {
  auto base = call.base_url.empty() ? provider.base_url : call.base_url;
  if (base.empty()) return core::error(core::Errc::kInvalid, "the channel has no base URL");
  std::string out;
  if (auto plan = provider.plans ? plan_base(base) : std::string_view(); !plan.empty()) {
    out = plan;
    out += route_path(call.route);
    return out;
  }
  if (base.ends_with('/')) base.remove_suffix(1);
  if (provider.address) {
    auto address = provider.address(call, base);
    if (!address) return address;
    out = std::move(*address);
  } else {
    out.reserve(base.size() + provider.prefix.size() + call.query.size() + 32);
    out = base;
    out += provider.prefix;
    out += route_path(call.route);
  }
  if (provider.passes_query && !call.query.empty()) {
    out += '?';
    out += call.query;
  }
  return out;
}

}  // namespace tollgate::provider
