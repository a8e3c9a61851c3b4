// The database of an installation of the compatible product (February 2026) is taken over in place: its users, keys,
// channels and logs are used as they are, and what its own nodes expect still holds afterwards.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { Account, startGateway, startMock } from "../e2e/lib/gateway.mjs";
import { startServer } from "../e2e/lib/databases.mjs";
import { settled } from "../chaos/load.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const password = "takeover-password";
const hash = "$2a$10$abcdefghijklmnopqrstuuYnldAhoGDcD.7fuERohoh./p3qDnBm.";
const keys = { free: "F".repeat(48), limited: "L".repeat(48) };
const quotas = { root: 100_000_000, alice: 7_000_000, limited: 3_000_000 };

/** Statements that fill the old tables; names that are reserved words are quoted with `q`. */
function rows(q, mock) {
  const yes = q === '"' ? "true" : "1";
  const no = q === '"' ? "false" : "0";
  const info = `{"is_multi_key":false,"multi_key_size":0,"multi_key_status_list":null,"multi_key_polling_index":0,"multi_key_mode":""}`;
  const several = `{"is_multi_key":true,"multi_key_size":2,"multi_key_status_list":{"1":2},"multi_key_polling_index":1,"multi_key_mode":"polling"}`;
  const group = `${q}group${q}`;
  const key = `${q}key${q}`;
  const channel = (id, type, name, secret, models, groups, more, channelInfo) =>
    `INSERT INTO channels (id, type, ${key}, status, name, weight, base_url, models, ${group}, priority, auto_ban, setting, channel_info, other_info)
     VALUES (${id}, ${type}, '${secret}', ${more.status ?? 1}, '${name}', ${more.weight ?? 0}, '${mock}', '${models}', '${groups}', ${more.priority ?? 0}, 1, '${more.setting ?? ""}', '${channelInfo}', '')`;
  const ability = (groupName, model, id, enabled, priority = 0) =>
    `INSERT INTO abilities (${group}, model, channel_id, enabled, priority, weight) VALUES ('${groupName}', '${model}', ${id}, ${enabled}, ${priority}, 0)`;
  return [
    `INSERT INTO setups (version, initialized_at) VALUES ('v0.10.0', 1760000000)`,
    `INSERT INTO users (id, username, password, display_name, role, status, quota, used_quota, request_count, ${group}, aff_code, setting)
     VALUES (1, 'root', '${hash}', 'Root User', 100, 1, ${quotas.root}, 500, 7, 'default', 'abcd', '{"record_ip_log":true}'),
            (2, 'alice', '${hash}', 'Alice', 1, 1, ${quotas.alice}, 0, 0, 'vip', 'efgh', '')`,
    `INSERT INTO tokens (id, user_id, ${key}, status, name, created_time, accessed_time, expired_time, remain_quota, unlimited_quota, model_limits_enabled, ${group}, used_quota)
     VALUES (1, 1, '${keys.free}', 1, 'old key', 1760000000, 1760000000, -1, 0, ${yes}, ${no}, '', 0),
            (2, 2, '${keys.limited}', 1, 'limited', 1760000000, 1760000000, -1, ${quotas.limited}, ${no}, ${no}, '', 0)`,
    channel(1, 1, "first", "sk-upstream-one", "gpt-4o-mini,gpt-4o", "default,vip", { priority: 10, setting: '{"force_format":false,"thinking_to_content":false}' }, info),
    channel(2, 1, "several keys", "sk-upstream-a\nsk-upstream-b", "gpt-4.1", "default", {}, several),
    channel(3, 1, "off by hand", "sk-upstream-off", "gpt-4o", "default", { status: 2 }, info),
    channel(4, 63, "of a later release", "sk-upstream-later", "some-later-model", "default", {}, info),
    ability("default", "gpt-4o-mini", 1, yes, 10), ability("vip", "gpt-4o-mini", 1, yes, 10),
    ability("default", "gpt-4o", 1, yes, 10), ability("vip", "gpt-4o", 1, yes, 10),
    ability("default", "gpt-4.1", 2, yes), ability("default", "gpt-4o", 3, no), ability("default", "some-later-model", 4, yes),
    `INSERT INTO options (${key}, value) VALUES ('GroupRatio', '{"default":1,"vip":2}'), ('SystemName', 'Old Installation'),
       ('UserUsableGroups', '{"default":"all","vip":"few"}'), ('performance_setting.monitor_enabled', 'false'), ('SomethingOfALaterRelease', 'kept')`,
    `INSERT INTO logs (user_id, created_at, type, content, username, token_name, model_name, quota, prompt_tokens, completion_tokens, is_stream, channel_id, token_id, ${group}, other)
     VALUES (1, 1760000001, 2, '', 'root', 'old key', 'gpt-4o', 500, 10, 20, ${no}, 1, 1, 'default', '{"model_ratio":1.25}')`,
    ...(q === '"'
      ? ["users", "tokens", "channels"].map((table) => `SELECT setval('${table}_id_seq', (SELECT MAX(id) FROM ${table}))`)
      : []),
  ];
}

/** Columns of the tables that are not ours, as the server describes them. */
async function columns(server, database) {
  const where = server.kind === "mysql" ? `table_schema = '${database.name}'` : "table_schema = 'public'";
  const type = server.kind === "mysql" ? "column_type" : "data_type || coalesce('(' || character_maximum_length || ')', '')";
  const all = await database.sql(
    `SELECT table_name, column_name, ${type}, is_nullable, column_default FROM information_schema.columns WHERE ${where} ORDER BY table_name, column_name`,
  );
  return all.filter(([table]) => !table.startsWith("tg_"));
}

for (const kind of ["mysql", "postgres"]) {
  describe(`an existing installation on ${kind}`, { timeout: 120_000 }, () => {
    let server, gateway, mock;
    afterEach(async () => {
      await gateway?.stop();
      await mock?.stop();
      await server?.stop();
      server = gateway = mock = undefined;
    });

    it("G1 G2 is taken over in place, and what its own nodes expect still holds", async () => {
      const q = kind === "mysql" ? "`" : '"';
      server = await startServer(kind);
      mock = await startMock();
      const database = await server.database();
      await database.sql(readFileSync(join(here, "february_2026", `${kind}.sql`), "utf8"));
      for (const statement of rows(q, mock.url)) await database.sql(statement);
      const before = await columns(server, database);

      gateway = await startGateway({ env: { SQL_DSN: database.dsn } });
      assert.deepEqual(await columns(server, database), before, "a column was changed, dropped or added");

      // People and their keys.
      const root = await Account.login(gateway.url, "root", password);
      const self = await root.call("GET", "/api/user/self");
      assert.deepEqual([self.quota, self.used_quota, self.request_count], [quotas.root, 500, 7]);
      assert.equal((await root.call("GET", "/api/log/?p=1&page_size=10&type=2")).items[0].model_name, "gpt-4o");
      assert.equal((await root.call("GET", "/api/status")).system_name, "Old Installation");
      const ask = async (key, model) => {
        const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
          method: "POST",
          headers: { "Content-Type": "application/json", Authorization: `Bearer sk-${key}` },
          body: JSON.stringify({ model, messages: [{ role: "user", content: "[[mock usage=1000:100]] hello" }] }),
        });
        return { status: answer.status, text: await answer.text() };
      };
      for (const [key, model] of [[keys.free, "gpt-4o-mini"], [keys.free, "gpt-4.1"], [keys.limited, "gpt-4o-mini"]]) {
        const { status, text } = await ask(key, model);
        assert.equal(status, 200, text);
      }
      // Channel 3 is off, channel 4 is of a kind this program does not know.
      assert.equal((await ask(keys.free, "some-later-model")).status, 503);
      const used = (await mock.requests()).map(({ headers }) => headers.authorization ?? headers.Authorization);
      assert.ok(!used.some((value) => /upstream-off|upstream-later|upstream-b/.test(value)), used.join());

      // Money: (1000 + 100 × 4) × 0.075 = 105, twice as much in group vip; 1000 + 100 × 2 for gpt-4.1.
      await settled(gateway);
      const money = async (table, id, column) => Number((await database.sql(`SELECT ${column} FROM ${table} WHERE id = ${id}`))[0][0]);
      assert.equal(await money("users", 1, "quota"), quotas.root - 105 - 1200);
      assert.equal(await money("users", 1, "used_quota"), 500 + 105 + 1200);
      assert.equal(await money("users", 1, "request_count"), 9);
      assert.equal(await money("users", 2, "quota"), quotas.alice - 210);
      assert.equal(await money("tokens", 2, "remain_quota"), quotas.limited - 210);
      assert.equal(await money("tokens", 2, "used_quota"), 210);
      assert.equal(await money("channels", 1, "used_quota"), 105 + 210);

      // What a node of the other make reads: an ability for each group and model of an enabled channel, and JSON columns
      // in its own form.
      await root.call("PUT", "/api/channel/", { id: 1, name: "renamed", models: "gpt-4o-mini,gpt-4o,o3-mini", group: "default,vip", type: 1 });
      const abilities = await database.sql(
        `SELECT ${q}group${q}, model, channel_id FROM abilities WHERE enabled ORDER BY channel_id, ${q}group${q}, model`,
      );
      assert.deepEqual(
        abilities.map((row) => row.join(" ")).sort(),
        [
          ...["default", "vip"].flatMap((group) => ["gpt-4o", "gpt-4o-mini", "o3-mini"].map((model) => `${group} ${model} 1`)),
          "default gpt-4.1 2",
          "default some-later-model 4",
        ].sort(),
      );
      for (const [info] of await database.sql("SELECT channel_info FROM channels ORDER BY id")) {
        const value = JSON.parse(info);
        for (const member of ["is_multi_key", "multi_key_size", "multi_key_polling_index", "multi_key_mode"])
          assert.ok(member in value, `${member} in ${info}`);
      }
      const [[later]] = await database.sql(`SELECT value FROM options WHERE ${q}key${q} = 'SomethingOfALaterRelease'`);
      assert.equal(later, "kept");
      const [log] = await database.sql(
        `SELECT type, username, token_name, quota, channel_id, other FROM logs WHERE token_id = 2 ORDER BY id DESC LIMIT 1`,
      );
      assert.deepEqual(log.slice(0, 5), ["2", "alice", "limited", "210", "1"]);
      assert.equal(JSON.parse(log[5]).group_ratio, 2);
    });
  });
}
