#include "relay/form.h"

#include <algorithm>

#include "net/http_server.h"
#include "net/multipart_reader.h"

namespace tollgate::relay {
namespace {

using core::Errc;

constexpr std::size_t kWriteStep = 256 * 1024;
constexpr std::size_t kReadStep = 256 * 1024;

// Puts the bytes of a form's parts where they belong.
class Receiver {
 public:
  Receiver(Spool& spool, const FormLimits& limits, std::uint64_t announced)
      : spool_(spool), limits_(limits), announced_(announced) {}

  void begin(const net::FormPart& head) { form.parts.push_back({head, {}, {}}); }

  net::awaitable<core::Result<void>> add(std::string_view bytes) {
    auto& part = form.parts.back();
    taken_ += bytes.size();
    if (!part.head.is_file) {
      part.bytes += bytes;
      co_return core::Result<void>();
    }
    if (!part.file && in_memory_ + bytes.size() > limits_.memory_bytes) {
      part.file = std::make_unique<Spool::File>(spool_, limits_.directory, limits_.disk_bytes);
      in_memory_ -= part.bytes.size();
    } else if (!part.file) {
      // As far as the head says that there is more to come, without taking the memory yet.
      if (part.bytes.empty() && announced_ > taken_)
        part.bytes.reserve(bytes.size() + static_cast<std::size_t>(std::min<std::uint64_t>(
                                              announced_ - taken_, limits_.memory_bytes - in_memory_)));
      in_memory_ += bytes.size();
    }
    part.bytes += bytes;
    if (!part.file || part.bytes.size() < kWriteStep) co_return core::Result<void>();
    auto written = co_await flush();
    co_return written;
  }

  net::awaitable<core::Result<void>> end() {
    auto& part = form.parts.back();
    if (!part.file) {
      if (part.bytes.capacity() > 2 * part.bytes.size() + 4096) part.bytes.shrink_to_fit();
      co_return core::Result<void>();
    }
    auto written = co_await flush();
    std::string().swap(part.bytes);
    co_return written;
  }

  Form form;

 private:
  net::awaitable<core::Result<void>> flush() {
    auto& part = form.parts.back();
    if (part.bytes.empty()) co_return core::Result<void>();
    auto written = co_await part.file->append(part.bytes);
    if (part.bytes.capacity() > 2 * kWriteStep) std::string().swap(part.bytes);
    part.bytes.clear();
    co_return written;
  }

  Spool& spool_;
  const FormLimits& limits_;
  std::uint64_t announced_;
  std::uint64_t taken_ = 0;
  std::size_t in_memory_ = 0;  // of files
};

// As long as the body, where one form value may be.
bool is_prompt(const net::FormPart& head) { return head.name == "prompt"; }

}  // namespace

net::awaitable<core::Result<Form>> receive_form(net::Exchange& exchange, Spool& spool, const FormLimits& limits) {
  auto boundary = net::form_boundary(exchange.header("content-type").value_or(""));
  if (!boundary) co_return boundary.error();
  const auto& head = exchange.head();
  bool counted = head.framing != net::BodyFraming::kChunked && !exchange.header("content-encoding");
  Receiver receiver(spool, limits, counted ? head.content_length : 0);
  net::MultipartReader reader(*boundary);
  for (;;) {
    auto piece = co_await exchange.read_body_piece(limits.body_bytes);
    if (!piece) co_return piece.error();
    if (piece->empty()) break;
    reader.feed(*piece);
    for (bool more = true; more;) {
      core::Result<void> stored;
      switch (reader.next()) {
        case net::FormEvent::kPart:
          receiver.begin(reader.part());
          if (is_prompt(reader.part())) reader.allow_long_value();
          break;
        case net::FormEvent::kBytes: stored = co_await receiver.add(reader.bytes()); break;
        case net::FormEvent::kPartEnd: stored = co_await receiver.end(); break;
        case net::FormEvent::kRefused: co_return core::error(Errc::kInvalid, reader.refusal());
        case net::FormEvent::kMore:
        case net::FormEvent::kEnd: more = false; break;
      }
      if (!stored) co_return stored.error();
    }
  }
  if (const char* wrong = reader.finish()) co_return core::error(Errc::kInvalid, wrong);
  co_return std::move(receiver.form);
}

FormBody::FormBody(const Form& form, std::string_view model) : parts_(form), model_(model) {
  std::vector<net::FormContent> contents;
  contents.reserve(form.parts.size());
  for (const auto& part : form.parts) {
    bool replaced = !model_.empty() && part.head.name == "model";
    contents.push_back({part.head, replaced ? std::string_view(model_) : std::string_view(part.bytes),
                        part.file ? part.file->size() : 0});
  }
  form_.emplace(contents);
}

void FormBody::rewind() {
  at_ = 0;
  offset_ = 0;
}

// Everything in memory up to the next stored part at once, a stored part step by step.
net::awaitable<core::Result<std::span<const std::string_view>>> FormBody::next() {
  ready_.clear();
  const auto pieces = form_->pieces();
  for (; at_ < pieces.size() && pieces[at_].stored_part == net::FormPiece::kInMemory; ++at_)
    ready_.push_back(pieces[at_].text);
  if (!ready_.empty() || at_ == pieces.size()) co_return std::span<const std::string_view>(ready_);

  const auto& piece = pieces[at_];
  auto step = static_cast<std::size_t>(std::min<std::uint64_t>(kReadStep, piece.size - offset_));
  buffer_.resize(kReadStep);
  auto got = co_await parts_.parts[piece.stored_part].file->read(offset_, buffer_.data(), step);
  if (!got || *got < step) {
    failed_ = true;
    co_return got ? core::error(Errc::kInternal, "the stored upload is cut") : got.error();
  }
  offset_ += step;
  if (offset_ == piece.size) {
    ++at_;
    offset_ = 0;
  }
  ready_.push_back(std::string_view(buffer_).substr(0, step));
  co_return std::span<const std::string_view>(ready_);
}

}  // namespace tollgate::relay
