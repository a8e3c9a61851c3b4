// A form between its client and its upstreams: read as it arrives, kept as parts, built anew for each attempt.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dialect/openai_error.h"
#include "net/awaitable.h"
#include "net/http_client.h"
#include "net/multipart_writer.h"
#include "relay/spool.h"

namespace tollgate::net {
class Exchange;
}

namespace tollgate::relay {

struct Request;

// A part whose bytes are in memory, or in a file.
struct StoredPart {
  net::FormPart head;
  std::string bytes;
  std::unique_ptr<Spool::File> file;
};

// How much is kept where.
struct FormLimits {
  std::size_t body_bytes = 128U << 20U;   // of the whole form, unpacked
  std::size_t memory_bytes = 10U << 20U;  // of its files together; beyond it they go to disk
  std::uint64_t disk_bytes = 1U << 30U;   // of all uploads of the node
  std::string directory;                  // empty: that of the system
};

struct Form {
  std::vector<StoredPart> parts;
};

// Errors: those of Exchange::read_body_piece(), kInvalid for what is no form, kUnavailable when the disk is full,
// kInternal when it fails.
net::awaitable<core::Result<Form>> receive_form(net::Exchange& exchange, Spool& spool, const FormLimits& limits);

// A form as the body of one upstream call. The form must outlive it, unchanged.
class FormBody final : public net::BodySource {
 public:
  // `model` stands in the place of the client's; empty: that stays.
  FormBody(const Form& form, std::string_view model);

  const std::string& content_type() const { return form_->content_type(); }
  std::uint64_t size() const override { return form_->size(); }
  void rewind() override;
  net::awaitable<core::Result<std::span<const std::string_view>>> next() override;
  bool failed() const { return failed_; }  // it was our disk that ended the call

 private:
  const Form& parts_;
  std::string model_;
  std::optional<net::MultipartForm> form_;
  std::size_t at_ = 0;        // the next piece
  std::uint64_t offset_ = 0;  // into it, when it is stored
  std::string buffer_;
  std::vector<std::string_view> ready_;
  bool failed_ = false;
};

// The most of a form that is kept in memory, its fields aside.
std::uint64_t form_memory(const Request& request);
// The route's form: reads it, and what gate, price and relay need of it, into the request.
net::awaitable<std::optional<dialect::RelayError>> read_form(Request& request);
// The prompt estimate of a route that takes forms, which needs its files. An error when one cannot be measured.
net::awaitable<std::optional<dialect::RelayError>> measure_form(Request& request);

}  // namespace tollgate::relay
