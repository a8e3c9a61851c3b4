#include "core/result.h"

namespace tollgate::core {

const char* to_string(Errc code) {
  switch (code) {
    case Errc::kInvalid: return "invalid";
    case Errc::kNotFound: return "not found";
    case Errc::kConflict: return "conflict";
    case Errc::kUnavailable: return "unavailable";
    case Errc::kTimeout: return "timeout";
    case Errc::kClosed: return "closed";
    case Errc::kCancelled: return "cancelled";
    case Errc::kTooLarge: return "too large";
    case Errc::kUnsupported: return "unsupported";
    case Errc::kDenied: return "denied";
    case Errc::kInternal: return "internal";
  }
  return "unknown";
}

}  // namespace tollgate::core
