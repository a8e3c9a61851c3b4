#include "core/word_finder.h"

#include <gtest/gtest.h>

#include <random>

namespace tollgate::core {

TEST(WordFinder, FindsNothingWithoutWordsOrText) {
  EXPECT_EQ(WordFinder({}).find("anything"), std::nullopt);
  EXPECT_EQ(WordFinder({""}).find("anything"), std::nullopt);
  EXPECT_TRUE(WordFinder({""}).empty());
  EXPECT_EQ(WordFinder({"word"}).find(""), std::nullopt);
}

TEST(WordFinder, FindsWordsInsideOthersAndTheOneThatEndsFirst) {
  WordFinder finder({"hers", "his", "she", "he"});
  EXPECT_EQ(finder.find("xxushersxx"), "she");
  EXPECT_EQ(finder.find("xhixhe"), "he");
  EXPECT_EQ(finder.find("hi s h e"), std::nullopt);
}

TEST(WordFinder, TakesAShortWordAtTheEndOfALongerBeginning) {
  WordFinder finder({"abcd", "bc"});
  EXPECT_EQ(finder.find("abce"), "bc");
}

TEST(WordFinder, ComparesInLowerCaseBeyondAscii) {
  EXPECT_EQ(WordFinder({"ÄRGER"}).find("viel ärger"), "ärger");
  EXPECT_EQ(WordFinder({"ärger"}).find("VIEL ÄRGER"), "ärger");
  EXPECT_EQ(WordFinder({"ЗАПРЕТ"}).find("запрет"), "запрет");
  EXPECT_EQ(WordFinder({"敏感"}).find("这是敏感词"), "敏感");
  EXPECT_EQ(WordFinder({"𐐀"}).find("x𐐨"), "𐐨");  // Deseret, four bytes each
}

TEST(WordFinder, FindsWordsAnywhereInALongText) {
  WordFinder finder({"needle", "a-rather-long-needle"});
  for (std::size_t at : {0U, 4000U, 4076U, 4080U, 4090U, 4096U, 8152U, 12'000U}) {
    std::string text(20'000, 'x');
    EXPECT_EQ(finder.find(text), std::nullopt);
    text.replace(at, 6, "NEEDLE");
    EXPECT_EQ(finder.find(text), "needle") << at;
    EXPECT_EQ(finder.find(text + "ä"), "needle") << at;
    EXPECT_EQ(finder.find(text.substr(0, at + 5)), std::nullopt) << at;
  }
}

TEST(WordFinder, TakesSignsForLettersThatAreTheSameInLowerCase) {
  EXPECT_EQ(WordFinder({"kelvin"})
                .find("\xE2\x84\xAA"
                      "elvin"),
            "kelvin");  // U+212A
}

TEST(WordFinder, FindsWordsByTheirRarestCharacterWhateverStandsAround) {
  WordFinder finder({"kilo_watt"});
  EXPECT_EQ(finder.find("_kilo_wat_KILO_wattage"), "kilo_watt");
  EXPECT_EQ(finder.find("kilo_wat"), std::nullopt);
  EXPECT_EQ(finder.find("_watt kilo watt_"), std::nullopt);
  EXPECT_EQ(finder.find("\xE2\x84\xAA"
                        "ilo_watt"),
            "kilo_watt");  // three bytes for a letter
  EXPECT_EQ(WordFinder({"ik"}).find("xIKx"), "ik");
}

TEST(WordFinder, ReadsBytesThatAreNoUtf8OneByOne) {
  WordFinder finder({"bad"});
  EXPECT_EQ(finder.find("\xC3\xFF\xE4 bad"), "bad");
  EXPECT_EQ(finder.find("ba\xC3"), std::nullopt);
}

TEST(WordFinder, AgreesWithASearchWordByWord) {
  std::mt19937 random(7);
  auto text = [&](std::size_t most) {
    std::string out;
    for (auto size = random() % (most + 1); size > 0; --size) out += "abA\xC3\xA4"[random() % 3];
    return out;
  };
  for (int round = 0; round < 3000; ++round) {
    std::vector<std::string> words;
    for (auto count = 1 + random() % 5; count > 0; --count) words.push_back(text(4));
    auto searched = text(12);
    std::string lower = searched;
    for (char& c : lower) c = c == 'A' ? 'a' : c;
    bool stands = false;
    for (auto word : words) {
      for (char& c : word) c = c == 'A' ? 'a' : c;
      stands = stands || (!word.empty() && lower.find(word) != std::string::npos);
    }
    EXPECT_EQ(WordFinder(words).find(searched).has_value(), stands) << searched;
  }
}

}  // namespace tollgate::core
