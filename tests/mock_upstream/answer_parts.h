// The pieces that answers are made of; private to the files of make_answer().
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "answer.h"

namespace tollgate::mock {

// The payloads of a stream in order, [DONE] included.
using Payloads = std::vector<std::string>;

// One HTTP chunk.
std::string chunk(std::string_view data);
// A whole answer with the faults that apply to it: cut or ended after so many bytes of the body.
Answer plain_answer(const Scenario& s, const std::string& body, std::string_view type = "application/json");
// Puts the payloads into events, HTTP chunks and writes. `names`: of the event: lines, as many as payloads, or none.
Answer stream_answer(const Scenario& s, const Payloads& payloads, const Payloads& names = {});
// The faults of a streamed body whose parts are events or bytes: ends it early and sets how. False: it does not end
// as HTTP wants it.
bool stop_early(const Scenario& s, std::vector<std::string>& parts, size_t before, Answer::Ending& ending);
// Bytes of the text that answers hold, from any place of it.
std::string piece(size_t from, size_t length);
std::string usage_json(const Scenario& s);

// Moderations, pictures, speech and rerank: media_answer.cpp.
Answer media_answer(const Scenario& s, const Asked& asked, const std::string& recordings);
// Transcriptions and translations: form_answer.cpp.
Answer transcript_answer(const Scenario& s, const Asked& asked);
bool read_whole(const std::string& path, std::string& out);

}  // namespace tollgate::mock
