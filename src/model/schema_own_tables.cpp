// The tables that Tollgate adds to an installation; their names begin with tg_.
#include "model/schema.h"

namespace tollgate::model {
namespace {

using enum ColumnClass;

// clang-format off
constexpr Column kTgClusterColumns[] = {
  {.name = "id", .cls = kInt, .not_null = true},
  {.name = "cluster_id", .cls = kLiteral, .literal = "char(36)"},
  {.name = "created_at", .cls = kBig},
  {.name = "last_master_at", .cls = kBig},
  {.name = "beat", .cls = kBig},
};
constexpr Column kTgSchemaColumns[] = {
  {.name = "version", .cls = kInt, .not_null = true},
  {.name = "name", .cls = kLiteral, .literal = "varchar(64)"},
  {.name = "applied_at", .cls = kBig},
  {.name = "node_id", .cls = kLiteral, .literal = "varchar(64)"},
  {.name = "checksum", .cls = kLiteral, .literal = "varchar(64)"},
};
constexpr Column kTgNodesColumns[] = {
  {.name = "node_id", .cls = kLiteral, .literal = "varchar(64)", .not_null = true},
  {.name = "incarnation", .cls = kBig},
  {.name = "name", .cls = kLiteral, .literal = "varchar(64)"},
  {.name = "role", .cls = kLiteral, .literal = "varchar(16)"},
  {.name = "version", .cls = kLiteral, .literal = "varchar(64)"},
  {.name = "schema_min", .cls = kInt},
  {.name = "schema_max", .cls = kInt},
  {.name = "state", .cls = kLiteral, .literal = "varchar(16)"},
  {.name = "started_at", .cls = kBig},
  {.name = "heartbeat_at", .cls = kBig},
  {.name = "advertise", .cls = kLiteral, .literal = "varchar(255)"},
  {.name = "region", .cls = kLiteral, .literal = "varchar(64)"},
  {.name = "zone", .cls = kLiteral, .literal = "varchar(64)"},
  {.name = "weight", .cls = kInt},
  {.name = "session_fp", .cls = kLiteral, .literal = "varchar(64)"},
  {.name = "crypto_fp", .cls = kLiteral, .literal = "varchar(64)"},
  {.name = "cluster_id", .cls = kLiteral, .literal = "char(36)"},
  {.name = "redis_id", .cls = kLiteral, .literal = "varchar(64)"},
  {.name = "tz", .cls = kLiteral, .literal = "varchar(64)"},
  {.name = "journal_last_seq", .cls = kBig},
  {.name = "desired_state", .cls = kLiteral, .literal = "varchar(16)"},
  {.name = "desired_until", .cls = kBig, .default_value = "0", .not_null = true},
  {.name = "epoch", .cls = kBig, .default_value = "0", .not_null = true},
  {.name = "info", .cls = kText},
};
constexpr Column kTgMarksColumns[] = {
  {.name = "node_id", .cls = kLiteral, .literal = "varchar(64)", .not_null = true},
  {.name = "consumer", .cls = kLiteral, .literal = "varchar(8)", .not_null = true},
  {.name = "seq", .cls = kBig, .default_value = "0", .not_null = true},
  {.name = "epoch", .cls = kBig, .default_value = "0", .not_null = true},
  {.name = "tx", .cls = kBig, .default_value = "0", .not_null = true},
  {.name = "updated_at", .cls = kBig},
};
constexpr Column kTgSlicesColumns[] = {
  {.name = "kind", .cls = kLiteral, .literal = "varchar(16)", .not_null = true},
  {.name = "account_id", .cls = kBig, .not_null = true},
  {.name = "node_id", .cls = kLiteral, .literal = "varchar(64)", .not_null = true},
  {.name = "amount", .cls = kBig, .default_value = "0", .not_null = true},
  {.name = "updated_at", .cls = kBig},
};
constexpr Index kTgSlicesIndexes[] = {
  {.name = "idx_tg_slices_node", .columns = "node_id"},
};
constexpr Column kTgOnceColumns[] = {
  {.name = "k", .cls = kLiteral, .literal = "varchar(191)", .not_null = true},
  {.name = "at", .cls = kBig},
  {.name = "result", .cls = kText},
};
constexpr Column kTgLeasesColumns[] = {
  {.name = "name", .cls = kLiteral, .literal = "varchar(64)", .not_null = true},
  {.name = "holder", .cls = kLiteral, .literal = "varchar(64)"},
  {.name = "incarnation", .cls = kBig},
  {.name = "token", .cls = kBig, .default_value = "0", .not_null = true},
  {.name = "acquired_at", .cls = kBig},
  {.name = "renewed_at", .cls = kBig},
  {.name = "expires_at", .cls = kBig, .default_value = "0", .not_null = true},
};
constexpr Column kTgVersionsColumns[] = {
  {.name = "topic", .cls = kLiteral, .literal = "varchar(32)", .not_null = true},
  {.name = "version", .cls = kBig, .default_value = "0", .not_null = true},
  {.name = "changed_at", .cls = kBig},
  {.name = "node_id", .cls = kLiteral, .literal = "varchar(64)"},
};
constexpr Column kTgCodesColumns[] = {
  {.name = "k", .cls = kLiteral, .literal = "char(64)", .not_null = true},
  {.name = "purpose", .cls = kLiteral, .literal = "varchar(32)"},
  {.name = "code_hash", .cls = kLiteral, .literal = "char(64)"},
  {.name = "tries", .cls = kInt, .default_value = "0", .not_null = true},
  {.name = "expires_at", .cls = kBig},
};
constexpr Column kTgRevocationsColumns[] = {
  {.name = "kind", .cls = kLiteral, .literal = "varchar(16)", .not_null = true},
  {.name = "id", .cls = kBig, .not_null = true},
  {.name = "at", .cls = kBig, .default_value = "0", .not_null = true},
};
constexpr Index kTgRevocationsIndexes[] = {
  {.name = "idx_tg_revocations_at", .columns = "at"},
};
constexpr Column kTgHistoryColumns[] = {
  {.name = "id", .cls = kPk},
  {.name = "topic", .cls = kLiteral, .literal = "varchar(32)", .not_null = true},
  {.name = "entity", .cls = kLiteral, .literal = "varchar(191)", .not_null = true},
  {.name = "version", .cls = kBig, .default_value = "0", .not_null = true},
  {.name = "author", .cls = kLiteral, .literal = "varchar(64)"},
  {.name = "at", .cls = kBig},
  {.name = "diff", .cls = kText},
};
constexpr Index kTgHistoryIndexes[] = {
  {.name = "idx_tg_history_entity", .columns = "topic,entity"},
  {.name = "idx_tg_history_at", .columns = "at"},
};
constexpr Column kTgProbeColumns[] = {
  {.name = "id", .cls = kPk},
  {.name = "node_id", .cls = kLiteral, .literal = "varchar(64)"},
  {.name = "at", .cls = kBig},
};
constexpr Column kTgQuarantineColumns[] = {
  {.name = "node_id", .cls = kLiteral, .literal = "varchar(64)", .not_null = true},
  {.name = "seq", .cls = kBig, .not_null = true},
  {.name = "consumer", .cls = kLiteral, .literal = "varchar(8)"},
  {.name = "record", .cls = kLong},
  {.name = "error", .cls = kText},
  {.name = "at", .cls = kBig},
};
constexpr Column kTgSessionsColumns[] = {
  {.name = "sid_hash", .cls = kLiteral, .literal = "char(64)", .not_null = true},
  {.name = "user_id", .cls = kBig, .not_null = true},
  {.name = "created_at", .cls = kBig},
  {.name = "last_seen", .cls = kBig},
  {.name = "expires_at", .cls = kBig},
  {.name = "address", .cls = kLiteral, .literal = "varchar(64)"},
  {.name = "agent", .cls = kLiteral, .literal = "varchar(255)"},
  {.name = "amr", .cls = kLiteral, .literal = "varchar(64)"},
  {.name = "step_up_at", .cls = kBig},
  {.name = "revoked_at", .cls = kBig},
};
constexpr Index kTgSessionsIndexes[] = {
  {.name = "idx_tg_sessions_user", .columns = "user_id"},
};
constexpr Column kTgUserSecurityColumns[] = {
  {.name = "user_id", .cls = kBig, .not_null = true},
  {.name = "valid_from", .cls = kBig, .default_value = "0", .not_null = true},
  {.name = "generation", .cls = kBig, .default_value = "0", .not_null = true},
  {.name = "must_change_password", .cls = kInt, .default_value = "0", .not_null = true},
};
constexpr Table kTables[] = {
  {.name = "tg_cluster", .columns = kTgClusterColumns, .indexes = {}, .primary_key = "id"},
  {.name = "tg_schema", .columns = kTgSchemaColumns, .indexes = {}, .primary_key = "version"},
  {.name = "tg_nodes", .columns = kTgNodesColumns, .indexes = {}, .primary_key = "node_id"},
  {.name = "tg_marks", .columns = kTgMarksColumns, .indexes = {}, .primary_key = "node_id,consumer"},
  {.name = "tg_slices", .columns = kTgSlicesColumns, .indexes = kTgSlicesIndexes, .primary_key = "kind,account_id,node_id"},
  {.name = "tg_leases", .columns = kTgLeasesColumns, .indexes = {}, .primary_key = "name"},
  {.name = "tg_versions", .columns = kTgVersionsColumns, .indexes = {}, .primary_key = "topic"},
  {.name = "tg_codes", .columns = kTgCodesColumns, .indexes = {}, .primary_key = "k"},
  {.name = "tg_revocations", .columns = kTgRevocationsColumns, .indexes = kTgRevocationsIndexes, .primary_key = "kind,id"},
  {.name = "tg_history", .columns = kTgHistoryColumns, .indexes = kTgHistoryIndexes, .primary_key = ""},
  {.name = "tg_probe", .columns = kTgProbeColumns, .indexes = {}, .primary_key = ""},
  {.name = "tg_once", .columns = kTgOnceColumns, .indexes = {}, .primary_key = "k"},
  {.name = "tg_quarantine", .columns = kTgQuarantineColumns, .indexes = {}, .primary_key = "node_id,seq"},
  {.name = "tg_sessions", .columns = kTgSessionsColumns, .indexes = kTgSessionsIndexes, .primary_key = "sid_hash"},
  {.name = "tg_user_security", .columns = kTgUserSecurityColumns, .indexes = {}, .primary_key = "user_id"},
};
// clang-format on

}  // namespace

std::span<const Table> own_tables() { return kTables; }

}  // namespace tollgate::model
