// Two people who edit one row: what each saw when they began travels as a version, and a save that would undo what
// somebody else has changed since is refused by name (docs/management.md).
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "api/context.h"
#include "model/history.h"

namespace tollgate::api {

// A field that people edit.
template <class Row>
struct EditedField {
  std::string_view name;
  std::string (*text)(const Row&);
  void (*copy)(Row& to, const Row& from);
  bool shown = true;  // false: nobody gets to see it, so whoever sends it means to change it
};

std::string field_text(const std::string& value);
std::string field_text(const std::optional<std::string>& value);
std::string field_text(std::int64_t value);
std::string field_text(bool value);

template <auto Member, class Row>
constexpr EditedField<Row> edited(std::string_view name, bool shown = true) {
  return {name, [](const Row& row) { return field_text(row.*Member); },
          [](Row& to, const Row& from) { to.*Member = from.*Member; }, shown};
}

inline constexpr std::string_view kRowVersionHeader = "X-Tollgate-Row-Version";

// The digests of all fields in their order, as one text. The list belongs to the kind of row.
std::string version_of(std::string_view kind, std::span<const std::string> texts);

template <class Row>
std::string row_version(std::string_view kind, std::span<const EditedField<Row>> fields, const Row& row) {
  std::vector<std::string> texts;
  for (const auto& field : fields) texts.push_back(field.text(row));
  return version_of(kind, texts);
}

// What one save meets. Without X-Tollgate-If-Version nothing conflicts, and the save does what its body says.
template <class Row>
class RowEdit {
 public:
  RowEdit(std::string_view kind, std::span<const EditedField<Row>> fields, const Request& request)
      : kind_(kind), fields_(fields), seen_(request.header("X-Tollgate-If-Version")) {}

  // `after` is `before` with what the body says. Fields that somebody else has changed since they were seen stay as
  // they are now when the body repeats what was seen. False: the body changes one of them, or the version is none.
  bool merge(const Row& before, Row& after) {
    conflicts_.clear();
    changed_.clear();
    const auto then = digests(seen_);
    stale_ = !seen_.empty() && then.size() != fields_.size();
    if (stale_) return false;
    for (std::size_t i = 0; i < fields_.size(); ++i) {
      const auto& field = fields_[i];
      const auto old_text = field.text(before), new_text = field.text(after);
      if (old_text == new_text) continue;
      if (!then.empty() && digest(kind_, i, old_text) != then[i]) {
        if (!field.shown || digest(kind_, i, new_text) != then[i]) {
          conflicts_.emplace_back(field.name);
          continue;
        }
        field.copy(after, before);
        continue;
      }
      changed_.emplace_back(field.name);
    }
    return conflicts_.empty();
  }

  bool refused() const { return stale_ || !conflicts_.empty(); }
  const std::vector<std::string>& conflicts() const { return conflicts_; }
  const std::vector<std::string>& changed() const { return changed_; }  // of the last merge that went well

 private:
  static std::vector<std::string> digests(std::string_view version);
  static std::string digest(std::string_view kind, std::size_t index, std::string_view text);

  std::string_view kind_;
  std::span<const EditedField<Row>> fields_;
  std::string_view seen_;
  bool stale_ = false;
  std::vector<std::string> conflicts_, changed_;
};

// The digests of a version; empty when it is none.
std::vector<std::string> digests_of(std::string_view version);
std::string field_digest(std::string_view kind, std::size_t index, std::string_view text);

template <class Row>
std::vector<std::string> RowEdit<Row>::digests(std::string_view version) {
  return digests_of(version);
}
template <class Row>
std::string RowEdit<Row>::digest(std::string_view kind, std::size_t index, std::string_view text) {
  return field_digest(kind, index, text);
}

// What somebody else has changed, and what is known of it.
struct EditConflict {
  std::string field;
  std::optional<model::Change> change;
};
// 409 in the API's own shape: which fields, by whom and when where that is known. `data` says what stands there now.
Response edit_conflict(const std::vector<EditConflict>& conflicts, json::object data);
// Of a row: `current` is its document.
template <class Row>
Response edit_conflict(Context& c, std::string_view kind, std::string_view entity, const RowEdit<Row>& edit,
                       json::object current, std::string version);
std::vector<EditConflict> conflicts_of(Context& c, std::string_view kind, std::string_view entity,
                                       std::span<const std::string> fields);

template <class Row>
Response edit_conflict(Context& c, std::string_view kind, std::string_view entity, const RowEdit<Row>& edit,
                       json::object current, std::string version) {
  json::object data;
  data.emplace("current", std::move(current));
  data.emplace("version", json::string(version));
  return edit_conflict(conflicts_of(c, kind, entity, edit.conflicts()), std::move(data));
}

}  // namespace tollgate::api
