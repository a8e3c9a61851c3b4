// Error numbers of the servers, as classes. MySQL: "Server Error Message Reference" and "Client Error Message
// Reference" of its manual, and MariaDB's "Error Codes"; PostgreSQL: appendix A of its manual.
#include "sql/server.h"

namespace tollgate::sql {

ErrorClass classify_mysql(int code) {
  switch (code) {
    case 2000:  // unknown client error
    case 2001:
    case 2002:
    case 2003:
    case 2005:  // unknown host
    case 2006:
    case 2012:
    case 2013:
    case 2026:  // TLS
    case 2055:
    case 1040:  // too many connections
    case 1043:
    case 1047:  // WSREP has not yet prepared node
    case 1053:
    case 1077:
    case 1079:
    case 1152:
    case 1158:
    case 1159:
    case 1160:
    case 1161:
    case 1184:
    case 1927:
    case 9001:  // ProxySQL: no backend in time
    case 9006: return ErrorClass::kConnection;
    case 1205:
    case 1213:
    case 1020:  // changed since last read
    case 3101: return ErrorClass::kConflict;
    case 1062:
    case 1586: return ErrorClass::kDuplicate;
    case 1290:
    case 1792:
    case 1836:
    case 3100: return ErrorClass::kReadOnly;
    case 3:
    case 28:
    case 1021:
    case 1037:
    case 1038:
    case 1041:
    case 1114:
    case 1203:
    case 1226: return ErrorClass::kResource;
    case 1317:
    case 1969:  // max_statement_time
    case 3024:  // max_execution_time
      return ErrorClass::kTimeout;
    case 1048:
    case 1264:
    case 1265:
    case 1292:
    case 1366:
    case 1406:
    case 1690:  // out of range in an expression
    case 3140:
    case 4025:  // CHECK, MariaDB
    case 3819:  // CHECK, MySQL
      return ErrorClass::kData;
    default: return ErrorClass::kOther;
  }
}

ErrorClass classify_postgres(std::string_view state) {
  if (state.empty() || state.starts_with("08") || state == "57P01" || state == "57P02" || state == "57P03" ||
      state == "25P03" || state == "53300")
    return ErrorClass::kConnection;
  if (state == "40001" || state == "40P01" || state == "55P03") return ErrorClass::kConflict;
  if (state == "23505") return ErrorClass::kDuplicate;
  if (state == "25006") return ErrorClass::kReadOnly;
  if (state == "57014") return ErrorClass::kTimeout;
  if (state.starts_with("53") || state.starts_with("54")) return ErrorClass::kResource;
  if (state.starts_with("22") || state.starts_with("23")) return ErrorClass::kData;
  return ErrorClass::kOther;
}

}  // namespace tollgate::sql
