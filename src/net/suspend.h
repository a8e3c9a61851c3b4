// Bridges callbacks of other threads into coroutines. Only for folders that see Asio (net, relay, app).
#pragma once
#include <boost/asio.hpp>
#include <memory>
#include <utility>

#include "net/awaitable.h"

namespace tollgate::net {

// Calls begin(done) at once; done(T) may be called from any thread, exactly once; the coroutine resumes on the worker
// it runs on. T must be default-constructible and movable.
template <class T, class Begin>
awaitable<T> suspend(Begin begin) {
  return boost::asio::async_initiate<const boost::asio::use_awaitable_t<>&, void(T)>(
      [](auto handler, Begin start) {
        using Handler = decltype(handler);
        auto executor = boost::asio::get_associated_executor(handler);
        auto shared = std::make_shared<Handler>(std::move(handler));
        start([shared, executor](T value) {
          boost::asio::post(executor,
                            [shared, value = std::move(value)]() mutable { std::move (*shared)(std::move(value)); });
        });
      },
      boost::asio::use_awaitable, std::move(begin));
}

}  // namespace tollgate::net
