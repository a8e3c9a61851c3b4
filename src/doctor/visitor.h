// Who visits nodes for the doctor: the first administrator, by a cookie that the doctor signs itself, as any node with
// the same SESSION_SECRET would. Nobody is logged in or out by it.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "doctor/doctor.h"
#include "doctor/http.h"

namespace tollgate::doctor {

struct Visitor {
  std::vector<std::string> headers;  // the cookie, and the header that names its user
};
// nullopt without a secret, a database or an administrator.
std::optional<Visitor> visitor(Patient& patient);

// Whether a management route answered that it did what was asked.
bool succeeded(const HttpAnswer& answer);
std::string without_slash(std::string url);

}  // namespace tollgate::doctor
