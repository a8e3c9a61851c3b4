// The coroutine type of everything that waits for the network.
#pragma once
#include <boost/asio/awaitable.hpp>

namespace tollgate::net {

template <class T>
using awaitable = boost::asio::awaitable<T>;

}  // namespace tollgate::net
