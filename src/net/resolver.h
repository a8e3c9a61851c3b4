// Host names to addresses, by c-ares on a thread of its own, with a small cache.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/result.h"

namespace tollgate::net {

// Thread-safe.
class Resolver {
 public:
  // Addresses as text ("192.0.2.1", "2001:db8::1"), in the order in which they should be tried.
  using Addresses = std::vector<std::string>;
  using Done = std::function<void(core::Result<Addresses>)>;

  Resolver();
  ~Resolver();

  // From the cache (60 s), or by a query of 10 s at most; `done` is called on the resolver's thread, or at once when
  // the host is an address or cached.
  void resolve(const std::string& host, Done done);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tollgate::net
