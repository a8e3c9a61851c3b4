#include "provider/provider.h"

namespace tollgate::provider {
namespace {

// Types whose provider speaks a format of its own are listed so that lists and errors can name them.
constexpr Provider kProviders[] = {
    {.type = 0, .name = "Unknown", .base_url = "", .openai = true},
    {.type = 1, .name = "OpenAI", .base_url = "https://api.openai.com", .openai = true, .stream_options = true},
    {.type = 2, .name = "Midjourney", .base_url = "https://oa.api2d.net"},
    {.type = 3, .name = "Azure", .base_url = ""},
    {.type = 4, .name = "Ollama", .base_url = "http://localhost:11434"},
    {.type = 5, .name = "MidjourneyPlus", .base_url = "https://api.openai-sb.com"},
    {.type = 6, .name = "OpenAIMax", .base_url = "https://api.openaimax.com", .openai = true},
    {.type = 7, .name = "OhMyGPT", .base_url = "https://api.ohmygpt.com", .openai = true},
    {.type = 8, .name = "Custom", .base_url = "", .openai = true},
    {.type = 9, .name = "AILS", .base_url = "https://api.caipacity.com", .openai = true},
    {.type = 10, .name = "AIProxy", .base_url = "https://api.aiproxy.io", .openai = true},
    {.type = 11, .name = "PaLM", .base_url = ""},
    {.type = 12, .name = "API2GPT", .base_url = "https://api.api2gpt.com", .openai = true},
    {.type = 13, .name = "AIGC2D", .base_url = "https://api.aigc2d.com", .openai = true},
    {.type = 14, .name = "Anthropic", .base_url = "https://api.anthropic.com"},
    {.type = 15, .name = "Baidu", .base_url = "https://aip.baidubce.com"},
    {.type = 16, .name = "Zhipu", .base_url = "https://open.bigmodel.cn"},
    {.type = 17, .name = "Ali", .base_url = "https://dashscope.aliyuncs.com"},
    {.type = 18, .name = "Xunfei", .base_url = ""},
    {.type = 19, .name = "360", .base_url = "https://api.360.cn", .openai = true},
    {.type = 20, .name = "OpenRouter", .base_url = "https://openrouter.ai/api", .openai = true},
    {.type = 21, .name = "AIProxyLibrary", .base_url = "https://api.aiproxy.io"},
    {.type = 22, .name = "FastGPT", .base_url = "https://fastgpt.run/api/openapi", .openai = true},
    {.type = 23, .name = "Tencent", .base_url = "https://hunyuan.tencentcloudapi.com"},
    {.type = 24, .name = "Gemini", .base_url = "https://generativelanguage.googleapis.com"},
    {.type = 25, .name = "Moonshot", .base_url = "https://api.moonshot.cn", .openai = true},
    {.type = 26, .name = "ZhipuV4", .base_url = "https://open.bigmodel.cn"},
    {.type = 27, .name = "Perplexity", .base_url = "https://api.perplexity.ai"},
    {.type = 31, .name = "LingYiWanWu", .base_url = "https://api.lingyiwanwu.com", .openai = true},
    {.type = 33, .name = "AWS", .base_url = ""},
    {.type = 34, .name = "Cohere", .base_url = "https://api.cohere.ai"},
    {.type = 35, .name = "MiniMax", .base_url = "https://api.minimax.chat"},
    {.type = 36, .name = "SunoAPI", .base_url = ""},
    {.type = 37, .name = "Dify", .base_url = "https://api.dify.ai"},
    {.type = 38, .name = "Jina", .base_url = "https://api.jina.ai"},
    {.type = 39, .name = "Cloudflare", .base_url = "https://api.cloudflare.com"},
    {.type = 40, .name = "SiliconFlow", .base_url = "https://api.siliconflow.cn", .openai = true},
    {.type = 41, .name = "VertexAI", .base_url = ""},
    {.type = 42, .name = "Mistral", .base_url = "https://api.mistral.ai", .openai = true},
    {.type = 43, .name = "DeepSeek", .base_url = "https://api.deepseek.com", .openai = true, .stream_options = true},
    {.type = 44, .name = "MokaAI", .base_url = "https://api.moka.ai"},
    {.type = 45, .name = "VolcEngine", .base_url = "https://ark.cn-beijing.volces.com"},
    {.type = 46, .name = "BaiduV2", .base_url = "https://qianfan.baidubce.com"},
    {.type = 47, .name = "Xinference", .base_url = "", .openai = true},
    {.type = 48, .name = "xAI", .base_url = "https://api.x.ai", .openai = true, .stream_options = true},
    {.type = 49, .name = "Coze", .base_url = "https://api.coze.cn"},
    {.type = 50, .name = "Kling", .base_url = "https://api.klingai.com"},
    {.type = 51, .name = "Jimeng", .base_url = "https://visual.volcengineapi.com"},
    {.type = 52, .name = "Vidu", .base_url = "https://api.vidu.cn"},
    {.type = 53, .name = "Submodel", .base_url = "https://llm.submodel.ai", .openai = true, .stream_options = true},
    {.type = 54, .name = "DoubaoVideo", .base_url = "https://ark.cn-beijing.volces.com"},
    {.type = 55, .name = "Sora", .base_url = "https://api.openai.com", .openai = true},
    {.type = 56, .name = "Replicate", .base_url = "https://api.replicate.com"},
    {.type = 57, .name = "Codex", .base_url = "https://chatgpt.com"},
};

constexpr int kCustom = 8;
constexpr int kDeepSeek = 43;

std::string_view path_of(dialect::OpenAiRoute route) {
  switch (route) {
    case dialect::OpenAiRoute::kChatCompletions: return "/v1/chat/completions";
    case dialect::OpenAiRoute::kCompletions: return "/v1/completions";
    case dialect::OpenAiRoute::kEmbeddings: return "/v1/embeddings";
    case dialect::OpenAiRoute::kModerations: return "/v1/moderations";
    case dialect::OpenAiRoute::kImages: return "/v1/images/generations";
    case dialect::OpenAiRoute::kImageEdits: return "/v1/images/edits";
    case dialect::OpenAiRoute::kSpeech: return "/v1/audio/speech";
    case dialect::OpenAiRoute::kTranscriptions: return "/v1/audio/transcriptions";
    case dialect::OpenAiRoute::kTranslations: return "/v1/audio/translations";
    case dialect::OpenAiRoute::kRerank: return "/v1/rerank";
  }
  return "";
}

}  // namespace

std::span<const Provider> providers() { return kProviders; }

const Provider* find_provider(std::int64_t type) {
  for (const auto& provider : kProviders)
    if (provider.type == type) return &provider;
  return nullptr;
}

core::Result<std::string> upstream_url(const Provider& provider, std::string_view base_url, dialect::OpenAiRoute route,
                                       std::string_view upstream_model) {
  std::string base(base_url.empty() ? provider.base_url : base_url);
  if (base.empty()) return core::error(core::Errc::kInvalid, "the channel has no base URL");
  if (provider.type == kCustom) {
    // The whole address, with the model put in.
    constexpr std::string_view kMark = "{model}";
    for (auto at = base.find(kMark); at != std::string::npos; at = base.find(kMark, at + upstream_model.size()))
      base.replace(at, kMark.size(), upstream_model);
    return base;
  }
  if (base.ends_with('/')) base.pop_back();
  std::string_view path = path_of(route);
  // DeepSeek keeps fill-in-the-middle apart.
  if (provider.type == kDeepSeek && route == dialect::OpenAiRoute::kCompletions)
    path = base.ends_with("/beta") ? "/completions" : "/beta/completions";
  // The Cloudflare AI gateway's addresses already stand where the version would.
  if (provider.type == 1 && base.starts_with("https://gateway.ai.cloudflare.com")) path.remove_prefix(3);
  return base + std::string(path);
}

}  // namespace tollgate::provider
