// The catalogue of translated messages. Texts that exist in one language only are written where they are used.
#pragma once
#include <string>
#include <string_view>

namespace tollgate::api {

enum class Language { kEnglish, kChinese };

// Any text that begins with zh (any letter case) is Chinese, everything else English.
Language language_of(std::string_view tag);

// The first tag of an Accept-Language header, its weight cut off.
Language language_of_header(std::string_view accept_language);

// The text of a catalogue key; `argument` fills its one slot. An unknown key is its own text.
std::string message(Language language, std::string_view key, std::string_view argument = {});

}  // namespace tollgate::api
