#include "sql/dsn.h"

#include <gtest/gtest.h>

namespace tollgate::sql {
namespace {

using std::chrono::milliseconds;

MysqlDsn mysql(std::string_view text) {
  auto parsed = parse_dsn(text, "file.db");
  EXPECT_TRUE(parsed) << text << ": " << (parsed ? "" : parsed.error().message);
  return parsed && std::holds_alternative<MysqlDsn>(*parsed) ? std::get<MysqlDsn>(*parsed) : MysqlDsn{};
}

PostgresDsn postgres(std::string_view text) {
  auto parsed = parse_dsn(text, "file.db");
  EXPECT_TRUE(parsed) << text << ": " << (parsed ? "" : parsed.error().message);
  return parsed && std::holds_alternative<PostgresDsn>(*parsed) ? std::get<PostgresDsn>(*parsed) : PostgresDsn{};
}

std::string refused(std::string_view text) {
  auto parsed = parse_dsn(text, "file.db");
  EXPECT_FALSE(parsed) << text;
  return parsed ? std::string() : parsed.error().message;
}

}  // namespace

TEST(Dsn, NamesTheDatabaseByItsBeginning) {
  for (const char* text : {"", "local", "localhost:x@tcp(db)/x"})
    EXPECT_EQ(std::get<SqliteDsn>(*parse_dsn(text, "one-api.db?x=1")).path_and_params, "one-api.db?x=1") << text;
  EXPECT_EQ(std::get<SqliteDsn>(*parse_dsn("sqlite:///data/a.db", "f")).path_and_params, "/data/a.db");
  EXPECT_TRUE(std::holds_alternative<PostgresDsn>(*parse_dsn("postgresql://u@h/db", "f")));
  EXPECT_TRUE(std::holds_alternative<PostgresDsn>(*parse_dsn("host=h user=u dbname=d", "f")));
  EXPECT_TRUE(std::holds_alternative<MysqlDsn>(*parse_dsn("mysql://u:p@h/db", "f")));
  EXPECT_TRUE(std::holds_alternative<MysqlDsn>(*parse_dsn("mariadb://u:p@h/db", "f")));
}

TEST(MysqlDsn, REQ_CL_17_TakesTheStringOfTheGuide) {
  auto dsn = mysql("root:password@tcp(your-db-host:3306)/new-api");
  EXPECT_EQ(dsn.user, "root");
  EXPECT_EQ(dsn.password, "password");
  EXPECT_EQ(dsn.host, "your-db-host");
  EXPECT_EQ(dsn.port, 3306);
  EXPECT_EQ(dsn.database, "new-api");
  EXPECT_EQ(dsn.tls, TlsMode::kOff);
  EXPECT_EQ(to_string(Dsn(dsn)), "root:***@tcp(your-db-host:3306)/new-api");
}

TEST(MysqlDsn, TakesEveryFormOfTheTable) {
  auto usual = mysql("root:123456@tcp(mysql:3306)/new-api?charset=utf8mb4&parseTime=True&loc=Local");
  EXPECT_EQ(usual.charsets, std::vector<std::string>{"utf8mb4"});
  EXPECT_TRUE(usual.variables.empty());
  EXPECT_EQ(mysql("u:p@ss/w:rd@tcp(db:3306)/x").password, "p@ss/w:rd");
  EXPECT_EQ(mysql("u:p%40ss@tcp(db:3306)/x").password, "p%40ss") << "credentials are literal";
  EXPECT_EQ(mysql("root@unix(/run/mysqld/mysqld.sock)/new-api").socket, "/run/mysqld/mysqld.sock");
  EXPECT_EQ(mysql("root@unix/new-api").socket, "/tmp/mysql.sock");
  auto six = mysql("u:p@tcp([2001:db8::5]:3306)/x?tls=skip-verify&timeout=5s");
  EXPECT_EQ(six.host, "2001:db8::5");
  EXPECT_EQ(six.tls, TlsMode::kSkipVerify);
  EXPECT_EQ(six.connect_timeout, milliseconds(5000));
  EXPECT_EQ(mysql("u:p@tcp(db)/x").port, 3306);
  EXPECT_EQ(mysql("/x").host, "127.0.0.1");
  EXPECT_EQ(mysql("/x").user, "");
  auto ansi = mysql("u:p@tcp(db:3306)/x?sql_mode=%27ANSI%27");
  ASSERT_EQ(ansi.variables.size(), 1U);
  EXPECT_EQ(ansi.variables.front(), (std::pair<std::string, std::string>("sql_mode", "'ANSI'")));
  mysql("u:p@tcp(db:3306)/x?loc=Asia%2FShanghai");
  EXPECT_EQ(mysql("u:p@tcp(db)/x?charset=utf8mb4,utf8&collation=utf8mb4_bin").charsets.size(), 2U);
  EXPECT_EQ(mysql("u:p@tcp(db)/x?maxAllowedPacket=0").max_packet, 0U);
  EXPECT_EQ(mysql("u:p@tcp(db)/x?readTimeout=1m30s&writeTimeout=500ms").read_timeout, milliseconds(90'000));
  EXPECT_TRUE(mysql("u:p@tcp(db)/x?allowCleartextPasswords=true").cleartext_passwords);
}

TEST(MysqlDsn, TakesTheModesOfTls) {
  EXPECT_EQ(mysql("u:p@tcp(db)/x?tls=false").tls, TlsMode::kOff);
  EXPECT_EQ(mysql("u:p@tcp(db)/x?tls=true").tls, TlsMode::kVerifyFull);
  EXPECT_EQ(mysql("u:p@tcp(db)/x?tls=preferred").tls, TlsMode::kPreferred);
  EXPECT_TRUE(mysql("u:p@tcp(db)/x?tls=custom").own_ca);
  EXPECT_EQ(mysql("mysql://u:p@db/x?ssl-mode=VERIFY_CA").tls, TlsMode::kVerifyCa);
  EXPECT_EQ(mysql("mysql://u:p@db/x?ssl-mode=VERIFY_IDENTITY").tls, TlsMode::kVerifyFull);
  EXPECT_EQ(mysql("mysql://u:p@db/x?ssl-mode=REQUIRED").tls, TlsMode::kSkipVerify);
}

TEST(MysqlDsn, TakesUrlsWithEncodedCredentials) {
  auto dsn = mysql("mysql://u%3A1:p%40%2Fss@db.example:3307/new-api?charset=utf8mb4");
  EXPECT_EQ(dsn.user, "u:1");
  EXPECT_EQ(dsn.password, "p@/ss");
  EXPECT_EQ(dsn.host, "db.example");
  EXPECT_EQ(dsn.port, 3307);
}

TEST(MysqlDsn, RefusesWithWhatWasExpected) {
  EXPECT_NE(refused("root:password@tcp(db:3306)").find("missing the slash"), std::string::npos);
  EXPECT_NE(refused("u:p@tcp(db:3306/x").find("without \")\""), std::string::npos);
  EXPECT_NE(refused("u:p@udp(db:3306)/x").find("unknown protocol \"udp\""), std::string::npos);
  EXPECT_NE(refused("u:p@tcp(db:99999)/x").find("port out of range"), std::string::npos);
  EXPECT_NE(refused("u:p@tcp(db:3306)/x?loc=Asia/Shanghai").find("write %2F"), std::string::npos);
  EXPECT_NE(refused("u:p@tcp(db:3306)/").find("no database name"), std::string::npos);
  EXPECT_NE(refused("u:p@tcp(db:3306)/x?tls=maybe").find("tls must be"), std::string::npos);
  EXPECT_NE(refused("u:p@db:3306/x").find("did you mean user:***@tcp(db:3306)/"), std::string::npos);
  EXPECT_NE(refused("jdbc:mysql://db/x").find("JDBC"), std::string::npos);
  EXPECT_NE(refused("u:p@tcp(a:3306,b:3306)/x").find("one address"), std::string::npos);
  EXPECT_NE(refused("u:p@tcp(db)/x?timeout=5").find("duration"), std::string::npos);
  EXPECT_NE(refused("u:p@tcp(db)/x?sql_mode=a;b").find("sql_mode"), std::string::npos);
}

TEST(PostgresDsn, TakesEveryFormOfTheTable) {
  auto guide = postgres("postgresql://root:123456@postgres:5432/new-api");
  EXPECT_EQ(guide.user, "root");
  EXPECT_EQ(guide.password, "123456");
  ASSERT_EQ(guide.hosts.size(), 1U);
  EXPECT_EQ(guide.hosts.front().name, "postgres");
  EXPECT_EQ(guide.database, "new-api");
  EXPECT_EQ(to_string(Dsn(guide)), "postgres://root:***@postgres:5432/new-api");
  auto verified = postgres("postgres://u:p%40ss@h/db?sslmode=verify-full&sslrootcert=/etc/ssl/ca.pem");
  EXPECT_EQ(verified.password, "p@ss");
  EXPECT_EQ(verified.parameters.size(), 2U);
  EXPECT_EQ(postgres("postgres://u@/db?host=/run/postgresql").hosts.front().name, "/run/postgresql");
  auto two = postgres("postgres://u:p@a:5432,b:5433/db");
  ASSERT_EQ(two.hosts.size(), 2U);
  EXPECT_EQ(two.hosts[1].name, "b");
  EXPECT_EQ(two.hosts[1].port, 5433);
  EXPECT_EQ(postgres("postgres://u:p@[::1]:5433/db").hosts.front().name, "::1");
  EXPECT_EQ(postgres("postgres://u:p@h/db?connect_timeout=3").connect_timeout, milliseconds(3000));
  EXPECT_EQ(postgres("postgres://u:p@h/db?TimeZone=Asia/Shanghai&pool_max_conns=4").settings.size(), 1U);
  auto unnamed = postgres("postgresql://u@h");
  EXPECT_TRUE(unnamed.no_database);
  EXPECT_EQ(unnamed.database, "u");
}

TEST(PostgresDsn, TakesPairsAsLibpqDoes) {
  auto dsn = postgres(R"(host=a,b port=5432,5433 user=u password='it\'s a \\ secret' dbname = d sslmode=require)");
  EXPECT_EQ(dsn.password, R"(it's a \ secret)");
  EXPECT_EQ(dsn.database, "d");
  ASSERT_EQ(dsn.hosts.size(), 2U);
  EXPECT_EQ(dsn.hosts[1].port, 5433);
  EXPECT_EQ(dsn.parameters.size(), 1U);
}

TEST(PostgresDsn, RefusesWithWhatWasExpected) {
  EXPECT_NE(refused("postgres://u:p@ss@h/db").find("encode the password"), std::string::npos);
  EXPECT_NE(refused("postgres://u:p@h:port/db").find("port out of range"), std::string::npos);
  EXPECT_NE(refused("postgres://u:p@h/db?sslmode=yes").find("sslmode must be"), std::string::npos);
  EXPECT_NE(refused("postgres://u:p@h/db?target_session_attrs=x").find("target_session_attrs"), std::string::npos);
  EXPECT_NE(refused("host=h user=u password=two words dbname=d").find("name=value"), std::string::npos);
  EXPECT_NE(refused("host=h user=u password='open").find("does not end"), std::string::npos);
}

TEST(Dsn, X1_MessagesHoldNoPartOfAPassword) {
  for (const char* text :
       {"u:hunter2@tcp(db:3306", "u:hunter2/x", "u:hunter2@x:hunter2/y", "u:hunter2@hunter2(db)/x", "u:p@hunter2/x",
        "u:hunter2@tcp(db:3306)", "postgres://u:hunter2@hunter2@h/db", "postgres://u:hunter2/x@h/db",
        "mysql://u:hunter2@hunter2@h/db", "host=h user=u password=hunter2 hunter2 dbname=d", "hunter2(x)/y"}) {
    auto parsed = parse_dsn(text, "f");
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().message.find("hunter2"), std::string::npos) << parsed.error().message;
  }
}

TEST(Dsn, ReadsDurationsAsGoWritesThem) {
  EXPECT_EQ(parse_go_duration("1h1m1.5s"), milliseconds(3'661'500));
  EXPECT_EQ(parse_go_duration("500ms"), milliseconds(500));
  EXPECT_EQ(parse_go_duration("0"), milliseconds(0));
  for (const char* text : {"", "5", "s", "5x", "1.2.3s", "-5s", "99999999999999h"})
    EXPECT_FALSE(parse_go_duration(text)) << text;
}

}  // namespace tollgate::sql
