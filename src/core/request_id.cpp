#include "core/request_id.h"

#include <charconv>

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
  char text[48];
  char* at = text;
  auto two = [&](std::int64_t number) {
    *at++ = static_cast<char>('0' + number / 10 % 10);
    *at++ = static_cast<char>('0' + number % 10);
  };
  two(static_cast<int>(date.year()) / 100);
  two(static_cast<int>(date.year()) % 100);
  two(static_cast<unsigned>(date.month()));
  two(static_cast<unsigned>(date.day()));
  two(time.hours().count());
  two(time.minutes().count());
  two(time.seconds().count());
  at = std::to_chars(at, text + sizeof text, time.subseconds().count()).ptr;
  std::string out(text, at);
  out.append(tail, sizeof tail);
  return out;
}

}  // namespace tollgate::core
