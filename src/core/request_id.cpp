#include "core/request_id.h"

#include <fmt/core.h>

namespace tollgate::core {

std::string make_request_id(SystemTime now, FastRandom& random) {
  using namespace std::chrono;
  auto since = now.time_since_epoch();
  auto day = floor<days>(since);
  year_month_day date{sys_days(day)};
  hh_mm_ss<nanoseconds> time{duration_cast<nanoseconds>(since - day)};
  constexpr char kAlphanumeric[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  char tail[8];
  for (char& c : tail) c = kAlphanumeric[random.below(62)];
  return fmt::format("{:04}{:02}{:02}{:02}{:02}{:02}{}{}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), time.hours().count(),
                     time.minutes().count(), time.seconds().count(), time.subseconds().count(),
                     std::string_view(tail, sizeof tail));
}

}  // namespace tollgate::core
