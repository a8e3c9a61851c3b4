#include "sql/meter.h"

#include <algorithm>

namespace tollgate::sql {
namespace {

using std::chrono::steady_clock;

constexpr std::string_view kKindNames[] = {"select", "insert", "update", "delete", "begin", "commit", "other"};
constexpr std::string_view kClassNames[] = {"connection", "conflict", "duplicate", "readonly", "resource",
                                            "timeout",    "data",     "other",     "ok"};

std::int64_t micros(steady_clock::duration time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time).count();
}

template <class Result>
std::optional<ErrorClass> failure_of(const Result& result) {
  if (result) return std::nullopt;
  return result.error().cls;
}

template <class Work>
auto counted(Meter& meter, Meter::Kind kind, Work work) {
  const auto began = steady_clock::now();
  auto result = work();
  meter.ran(kind, failure_of(result), steady_clock::now() - began);
  return result;
}

class MeteredConnection final : public Connection {
 public:
  MeteredConnection(Pool::Lease inner, Meter& meter) : inner_(std::move(inner)), meter_(meter) { meter_.lent(1); }
  ~MeteredConnection() override { meter_.lent(-1); }
  MeteredConnection(const MeteredConnection&) = delete;
  MeteredConnection& operator=(const MeteredConnection&) = delete;

  Dialect dialect() const override { return inner_->dialect(); }
  Result<std::vector<Row>> query(std::string_view statement, std::span<const Param> params) override {
    return counted(meter_, Meter::kind_of(statement), [&] { return inner_->query(statement, params); });
  }
  Result<Executed> execute(std::string_view statement, std::span<const Param> params) override {
    return counted(meter_, Meter::kind_of(statement), [&] { return inner_->execute(statement, params); });
  }
  Result<Executed> insert(std::string_view statement, std::span<const Param> params) override {
    return counted(meter_, Meter::Kind::kInsert, [&] { return inner_->insert(statement, params); });
  }
  Result<void> begin() override {
    return counted(meter_, Meter::Kind::kBegin, [&] { return inner_->begin(); });
  }
  Result<void> commit() override {
    return counted(meter_, Meter::Kind::kCommit, [&] { return inner_->commit(); });
  }
  void rollback() override { inner_->rollback(); }
  bool in_transaction() const override { return inner_->in_transaction(); }
  bool renew() override { return inner_->renew(); }
  void limit_statements(std::chrono::milliseconds limit) override { inner_->limit_statements(limit); }

 private:
  Pool::Lease inner_;
  Meter& meter_;
};

class MeteredPool final : public Pool {
 public:
  MeteredPool(std::unique_ptr<Pool> inner, Meter& meter) : inner_(std::move(inner)), meter_(meter) {}
  Dialect dialect() const override { return inner_->dialect(); }
  Result<Lease> lease() override {
    const auto began = steady_clock::now();
    auto inner = inner_->lease();
    meter_.waited(steady_clock::now() - began, failure_of(inner));
    if (!inner) return inner.error();
    return Lease(this, std::make_unique<MeteredConnection>(std::move(*inner), meter_));
  }
  State state() const override { return inner_->state(); }

 protected:
  void give_back(std::unique_ptr<Connection> connection) override { connection.reset(); }

 private:
  std::unique_ptr<Pool> inner_;
  Meter& meter_;
};

}  // namespace

std::string_view to_string(State state) {
  switch (state) {
    case State::kOk: return "ok";
    case State::kReadOnly: return "readonly";
    case State::kAway: return "away";
  }
  return "";
}

Meter::Kind Meter::kind_of(std::string_view statement) {
  auto begin = statement.find_first_not_of(" \t\r\n(");
  if (begin == std::string_view::npos) return Kind::kOther;
  const auto word = statement.substr(begin, 6);
  auto is = [&](std::string_view name) {
    return std::ranges::equal(word, name, [](char a, char b) { return (a & ~0x20) == b; });
  };
  if (is("SELECT")) return Kind::kSelect;
  if (is("INSERT") || is("REPLAC")) return Kind::kInsert;
  if (is("UPDATE")) return Kind::kUpdate;
  return is("DELETE") ? Kind::kDelete : Kind::kOther;
}

// What says nothing about the server leaves its state as it was.
void Meter::note(std::optional<ErrorClass> error) {
  if (!error) last_answer_.store(steady_clock::now().time_since_epoch().count(), std::memory_order_relaxed);
  if (!error)
    state_.store(State::kOk, std::memory_order_relaxed);
  else if (*error == ErrorClass::kConnection)
    state_.store(State::kAway, std::memory_order_relaxed);
  else if (*error == ErrorClass::kReadOnly)
    state_.store(State::kReadOnly, std::memory_order_relaxed);
}

void Meter::ran(Kind kind, std::optional<ErrorClass> error, steady_clock::duration took) {
  const auto at = static_cast<std::size_t>(kind);
  queries_[at][error ? static_cast<std::size_t>(*error) : kClasses - 1].add_shared();
  times_[at].observe_shared(micros(took));
  // A server that takes no writes still answers reads.
  if (!error && state() == State::kReadOnly && (kind == Kind::kSelect || kind == Kind::kBegin || kind == Kind::kOther))
    return last_answer_.store(steady_clock::now().time_since_epoch().count(), std::memory_order_relaxed);
  note(error);
}

void Meter::waited(steady_clock::duration took, std::optional<ErrorClass> error) {
  waits_.observe_shared(micros(took));
  if (error) note(error);
}

void Meter::write(std::span<const Named> meters, core::MetricsText& text) {
  core::CounterSums queries;
  core::HistogramSums times, waits;
  for (const auto& [db, meter] : meters) {
    for (std::size_t kind = 0; kind < kKinds; ++kind) {
      for (std::size_t cls = 0; cls < kClasses; ++cls)
        if (auto count = meter->queries_[kind][cls].value())
          queries[core::label_text({{"db", db}, {"kind", kKindNames[kind]}, {"class", kClassNames[cls]}})] = count;
      if (auto value = meter->times_[kind].value(); value.count() > 0)
        times[core::label_text({{"db", db}, {"kind", kKindNames[kind]}})] = value;
    }
    waits[core::label_text({{"db", db}})] = meter->waits_.value();
  }
  text.counters("tollgate_sql_queries_total", "Statements by kind and class of error.", queries);
  text.histograms("tollgate_sql_query_seconds", "Statements, from sending to the last row.", times);
  text.histograms("tollgate_sql_pool_wait_seconds", "Waits for a connection, opening one included.", waits);
  text.family("tollgate_sql_pool_connections", core::MetricKind::kGauge, "Connections that are lent.");
  for (const auto& [db, meter] : meters)
    text.sample({{"db", db}, {"state", "busy"}}, std::max(0, meter->lent_.load(std::memory_order_relaxed)));
  text.family("tollgate_sql_state", core::MetricKind::kGauge, "1 for the state the last statement found.");
  for (const auto& [db, meter] : meters)
    for (auto state : {State::kOk, State::kReadOnly, State::kAway})
      text.sample({{"db", db}, {"state", to_string(state)}}, meter->state() == state ? 1 : 0);
}

std::unique_ptr<Pool> metered(std::unique_ptr<Pool> pool, Meter& meter) {
  return std::make_unique<MeteredPool>(std::move(pool), meter);
}

}  // namespace tollgate::sql
