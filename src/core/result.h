// What a call that can fail for expected reasons returns. Broken invariants throw; everything else is a Result.
#pragma once
#include <boost/system/result.hpp>
#include <stdexcept>
#include <string>
#include <utility>

namespace tollgate::core {

// Why something failed, coarse enough to decide what to do next. Texts are for logs and people, never compared.
enum class Errc {
  kInvalid,      // the input breaks a rule; repeating cannot help
  kNotFound,     // what was asked for is not there
  kConflict,     // a unique key exists, a serialisation failed, somebody was faster
  kUnavailable,  // a dependency (SQL, disk, upstream) is away; may pass
  kTimeout,      // a time limit fired
  kClosed,       // the other side hung up
  kCancelled,    // we were told to stop
  kTooLarge,     // over a stated limit
  kUnsupported,  // in a form that is not taken here
  kDenied,       // not allowed (rights, address guard, certificate)
  kInternal,     // a fault of ours
};

const char* to_string(Errc code);

struct Error {
  Errc code = Errc::kInternal;
  std::string message;  // one line, no secret in it
};

[[noreturn]] inline void throw_exception_from_error(const Error& error, const boost::source_location&) {
  throw std::runtime_error(error.message);
}

template <class T>
using Result = boost::system::result<T, Error>;

inline Error error(Errc code, std::string message) { return Error{code, std::move(message)}; }

}  // namespace tollgate::core
