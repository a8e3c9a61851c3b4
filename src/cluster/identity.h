// Whether the node id that a data directory holds is in use by another process: a directory that was copied.
#pragma once
#include <functional>
#include <string>

#include "sql/connection.h"

namespace tollgate::cluster {

// Where a process runs. Containers on two machines often have the same address.
struct Place {
  std::string address;
  std::string boot;  // of the machine, new with each boot; as the member `boot` of a row's info
};
std::string boot_id();

// Before the journal is opened, with the directory's lock held: a second process on it must never come here. When the
// id in <directory>/node.json belongs to a process that is alive at another place, the copied journal is set aside
// (journal.foreign-<time>…) and the id is dropped, so that a new one is drawn. A row alone proves nothing, its process
// may have just died: it is watched for as long as a heartbeat may take. True: a new id will be drawn. `wait` sleeps
// for a moment; false ends the watch.
sql::Result<bool> drop_copied_identity(const std::string& directory, const Place& here, sql::Pool& pool,
                                       const std::function<bool()>& wait);

}  // namespace tollgate::cluster
