// What billing says of itself at /metrics.
#include <algorithm>
#include <array>

#include "billing/billing.h"

namespace tollgate::billing {

using core::label_text;
using core::MetricKind;

void Billing::write_metrics(core::MetricsText& text) const {
  struct Reader {
    std::string_view name;
    std::int64_t mark;
    const FlushMeter& meter;
  };
  const Reader readers[] = {{"main", ledger_->mark(), ledger_->meter()},
                            {"statistics", stat_consumer_->mark(), stat_consumer_->meter()},
                            {"log", log_consumer_->mark(), log_consumer_->meter()}};
  const auto last = journal_->last_seq();
  text.counter("tollgate_journal_appended_total", "Records written since the data directory was made.",
               static_cast<std::uint64_t>(std::max<std::int64_t>(0, last)));
  text.gauge("tollgate_journal_bytes", "Of records that the database does not have yet.", journal_->backlog_bytes());

  text.family("tollgate_journal_backlog_records", MetricKind::kGauge, "Records that this consumer has still to apply.");
  for (const auto& reader : readers)
    text.sample({{"consumer", reader.name}}, std::max<std::int64_t>(0, last - reader.mark));
  text.family("tollgate_journal_oldest_seconds", MetricKind::kGauge, "Age of the oldest of them.");
  auto journal = journal_->reader();
  for (const auto& reader : readers) {
    double age = 0;
    if (last > reader.mark && journal)
      if (auto rows = journal->read(reader.mark, 1); rows && !rows->empty())
        age = static_cast<double>(std::max<std::int64_t>(0, clock_.unix_millis() - rows->front().at)) / 1000;
    text.sample({{"consumer", reader.name}}, age);
  }

  text.family("tollgate_journal_state", MetricKind::kGauge, "1 for where charges are kept at the moment.");
  const std::string_view state = journal_->writable() ? "disk" : can_charge() ? "memory" : "failed";
  for (std::string_view name : {"disk", "memory", "failed"}) text.sample({{"state", name}}, name == state ? 1 : 0);
  text.histograms("tollgate_journal_fsync_seconds", "Commits of groups of records to the journal's file.",
                  {{"", journal_->commit_times()}});

  core::CounterSums flushes;
  core::HistogramSums seconds, records;
  for (const auto& reader : readers) {
    flushes[label_text({{"consumer", reader.name}, {"result", "ok"}})] = reader.meter.moved.value();
    flushes[label_text({{"consumer", reader.name}, {"result", "retry"}})] = reader.meter.failed.value();
    seconds[label_text({{"consumer", reader.name}})] = reader.meter.seconds.value();
    records[label_text({{"consumer", reader.name}})] = reader.meter.records.value();
  }
  text.counters("tollgate_flush_total", "Transactions that took records to the database.", flushes);
  text.histograms("tollgate_flush_seconds", "How long they took.", seconds);
  text.histograms("tollgate_flush_records", "Records in each that succeeded.", records);
}

}  // namespace tollgate::billing
