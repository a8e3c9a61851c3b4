#include "api/row_version.h"

#include <fmt/format.h>
#include <openssl/sha.h>

#include "api/database.h"
#include "core/byte_text.h"

namespace tollgate::api {
namespace {

constexpr std::string_view kForm = "1-";
constexpr std::size_t kDigits = 8;

}  // namespace

std::string field_text(const std::string& value) { return value; }
std::string field_text(const std::optional<std::string>& value) { return value ? "=" + *value : std::string(); }
std::string field_text(std::int64_t value) { return std::to_string(value); }
std::string field_text(bool value) { return value ? "1" : "0"; }

std::string field_digest(std::string_view kind, std::size_t index, std::string_view text) {
  std::string whole = fmt::format("{}/{}/", kind, index);
  whole += text;
  unsigned char bytes[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(whole.data()), whole.size(), bytes);
  return core::hex_digits(std::string_view(reinterpret_cast<const char*>(bytes), kDigits / 2));
}

std::string version_of(std::string_view kind, std::span<const std::string> texts) {
  std::string version(kForm);
  for (std::size_t i = 0; i < texts.size(); ++i) version += field_digest(kind, i, texts[i]);
  return version;
}

std::vector<std::string> digests_of(std::string_view version) {
  std::vector<std::string> digests;
  if (!version.starts_with(kForm)) return digests;
  version.remove_prefix(kForm.size());
  if (version.size() % kDigits != 0) return digests;
  for (; !version.empty(); version.remove_prefix(kDigits)) digests.emplace_back(version.substr(0, kDigits));
  return digests;
}

std::vector<EditConflict> conflicts_of(Context& c, std::string_view kind, std::string_view entity,
                                       std::span<const std::string> fields) {
  std::vector<EditConflict> conflicts;
  for (const auto& field : fields) conflicts.push_back({field, must(model::last_change(c.db, kind, entity, field))});
  return conflicts;
}

Response edit_conflict(const std::vector<EditConflict>& conflicts, json::object data) {
  json::array list;
  std::string names;
  for (const auto& [field, change] : conflicts) {
    json::object item;
    item.emplace("field", json::string(field));
    names += (names.empty() ? "" : ", ") + field;
    if (change) {
      item.emplace("by", json::string(change->author));
      item.emplace("at", change->at / 1000);
      names += " (" + change->author + ")";
    }
    list.push_back(std::move(item));
  }
  data.emplace("conflicts", std::move(list));
  json::object body;
  body.emplace("success", false);
  body.emplace("message", json::string(names.empty() ? "what was edited is out of date: read it again"
                                                     : "somebody else has changed meanwhile: " + names));
  body.emplace("data", std::move(data));
  return json_response(409, body);
}

}  // namespace tollgate::api
