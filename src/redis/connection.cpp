#include "redis/connection.h"

#include <fmt/core.h>

#include "net/suspend.h"

namespace tollgate::redis {

namespace asio = boost::asio;
using core::Errc;
using core::Error;
using core::Result;
using net::awaitable;
using std::chrono::steady_clock;

namespace {

constexpr auto kIdle = std::chrono::seconds(15);  // then a PING keeps it alive, and finds out whether it is
constexpr std::size_t kReadSize = 16 * 1024;

}  // namespace

Connection::Connection(asio::io_context& io, std::chrono::milliseconds command_timeout)
    : io_(io), socket_(io), timer_(io), command_timeout_(command_timeout) {}

awaitable<Result<std::shared_ptr<Connection>>> Connection::open(asio::io_context& io, Endpoint endpoint, Access access,
                                                                Time due) {
  auto made = std::make_shared<Connection>(io, access.command_timeout);
  auto connected = co_await made->socket_.connect(endpoint, access.tls, due);
  if (!connected) co_return connected.error();
  asio::co_spawn(io, [made]() -> awaitable<void> { co_await made->read_loop(); }, asio::detached);
  auto entered = co_await made->enter(access, due);
  if (!entered) {
    made->close(entered.error());
    co_return entered.error();
  }
  co_return made;
}

awaitable<Result<void>> Connection::enter(const Access& access, Time due) {
  if (!access.credentials.password.empty()) {
    Command auth{"AUTH"};
    if (!access.credentials.user.empty()) auth.push_back(access.credentials.user);
    auth.push_back(access.credentials.password);
    auto answer = co_await ask(std::move(auth), due);
    if (!answer) co_return answer.error();
    // A server without a password says so; nothing is wrong with knowing one.
    bool open = answer->is_error() && (answer->text.find("without any password") != std::string::npos ||
                                       answer->text.find("no password is set") != std::string::npos);
    if (answer->is_error("LOADING")) co_return core::error(Errc::kUnavailable, "the server is loading its data");
    if (answer->is_error() && !open)
      co_return core::error(answer->is_error("WRONGPASS") || answer->text.find("invalid password") != std::string::npos
                                ? Errc::kDenied
                                : Errc::kUnavailable,
                            "server refused the password");
  }
  if (access.database > 0) {
    Command select{"SELECT", std::to_string(access.database)};
    auto answer = co_await ask(std::move(select), due);
    if (!answer) co_return answer.error();
    if (answer->is_error("NOAUTH")) co_return core::error(Errc::kDenied, "server demands a password");
    if (answer->is_error("LOADING")) co_return core::error(Errc::kUnavailable, "the server is loading its data");
    if (answer->is_error())
      co_return core::error(Errc::kInvalid, fmt::format("database {} cannot be selected", access.database));
  }
  if (!access.name.empty()) {
    Command name{"CLIENT", "SETNAME", access.name};
    auto ignored = co_await ask(std::move(name), due);
    if (!ignored) co_return ignored.error();
  }
  Command ping{"PING"};
  auto answer = co_await ask(std::move(ping), due);
  if (!answer) co_return answer.error();
  if (answer->is_error("NOAUTH")) co_return core::error(Errc::kDenied, "server demands a password");
  if (answer->is_error("LOADING")) co_return core::error(Errc::kUnavailable, "the server is loading its data");
  co_return Result<void>();
}

void Connection::send(const Command& command, Time due, Done done) {
  if (closed_) {
    asio::post(io_, [done = std::move(done), why = why_] { done(why); });
    return;
  }
  append_command(outgoing_, command);
  last_sent_ = steady_clock::now();
  waiting_.push_back({std::move(done), last_sent_, due});
  set_timer(due);
  flush();
}

void Connection::push(const Command& command) {
  if (closed_) return;
  append_command(outgoing_, command);
  flush();
}

awaitable<Result<Reply>> Connection::ask(Command command, Time due) {
  auto begin = [&](auto done) { send(command, due, std::move(done)); };
  co_return co_await net::suspend<Result<Reply>>(begin);
}

// What this turn of the loop has appended leaves with one write.
void Connection::flush() {
  if (flush_posted_ || writing_) return;
  flush_posted_ = true;
  asio::post(io_, [self = shared_from_this()] {
    self->flush_posted_ = false;
    if (self->closed_ || self->outgoing_.empty()) return;
    self->writing_ = true;
    asio::co_spawn(self->io_, [self]() -> awaitable<void> { co_await self->write_loop(); }, asio::detached);
  });
}

awaitable<void> Connection::write_loop() {
  while (!closed_ && !outgoing_.empty()) {
    being_written_.clear();
    being_written_.swap(outgoing_);
    bool written = co_await socket_.write(being_written_);
    if (!written) close(core::error(Errc::kUnavailable, "the connection was lost"));
  }
  writing_ = false;
}

awaitable<void> Connection::read_loop() {
  auto buffer = std::make_unique<char[]>(kReadSize);
  while (!closed_) {
    auto got = co_await socket_.read(buffer.get(), kReadSize);
    if (closed_) break;
    if (got == 0) {
      close(core::error(Errc::kUnavailable, "the connection was lost"));
      break;
    }
    reader_.feed({buffer.get(), got});
    while (!closed_) {
      auto reply = reader_.next();
      if (!reply) {
        close(core::error(Errc::kUnavailable, reply.error().message));
        break;
      }
      if (!reply->has_value()) break;
      take(std::move(**reply));
    }
  }
}

void Connection::take(Reply reply) {
  if (on_push_) {
    auto push = on_push_;  // which may close, and so drop the original
    return push(std::move(reply));
  }
  if (waiting_.empty()) return close(core::error(Errc::kUnavailable, "the server answered more than it was asked"));
  auto done = std::move(waiting_.front().done);
  waiting_.pop_front();
  done(std::move(reply));
  if (waiting_.empty() && !closed_) set_timer(last_sent_ + kIdle);
}

void Connection::set_timer(Time due) {
  if (closed_ || due >= timer_due_) return;
  timer_due_ = due;
  timer_.expires_at(due);
  timer_.async_wait([self = shared_from_this()](boost::system::error_code cancelled) {
    if (!cancelled) self->on_timer();
  });
}

void Connection::on_timer() {
  if (closed_) return;
  timer_due_ = Time::max();
  auto now = steady_clock::now();
  auto next = last_sent_ + kIdle;
  for (const auto& one : waiting_) {
    if (one.due <= now) return close(core::error(Errc::kTimeout, "the server does not answer"));
    next = std::min(next, one.due);
  }
  if (waiting_.empty() && !on_push_ && now >= next) {
    Command ping{"PING"};
    return send(ping, now + command_timeout_, [](const Result<Reply>&) {});
  }
  if (!on_push_ || !waiting_.empty()) set_timer(next);
}

void Connection::on_closed(std::function<void(const Error&)> callback) {
  if (closed_) return callback(why_);
  on_closed_ = std::move(callback);
}

void Connection::close(Error why) {
  if (closed_) return;
  closed_ = true;
  why_ = std::move(why);
  auto self = shared_from_this();
  socket_.close();
  timer_.cancel();
  auto waiting = std::exchange(waiting_, {});
  for (auto& one : waiting) one.done(why_);
  if (auto callback = std::exchange(on_closed_, nullptr)) callback(why_);
  on_push_ = nullptr;
}

}  // namespace tollgate::redis
