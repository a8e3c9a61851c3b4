// Whether the node id that a data directory holds is in use by another process: a directory that was copied.
#pragma once
#include <functional>
#include <string>

#include "sql/connection.h"

namespace tollgate::cluster {

// Before the journal is opened. When the id in <directory>/node.json belongs to a process that is alive at another
// address, the copied journal is set aside (journal.foreign-<time>…) and the id is dropped, so that a new one is drawn.
// A row alone proves nothing, its process may have just died: it is watched for as long as a heartbeat may take. True:
// a new id will be drawn. `wait` sleeps for a moment; false ends the watch.
sql::Result<bool> drop_copied_identity(const std::string& directory, const std::string& advertise, sql::Pool& pool,
                                       const std::function<bool()>& wait);

}  // namespace tollgate::cluster
