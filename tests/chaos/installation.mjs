// One gateway whose process may end and begin again on the same data, its provider, and its books.
import assert from "node:assert/strict";
import { Account, rootName, rootPassword, startGateway, startMock } from "../e2e/lib/gateway.mjs";
import { removeDir, tempDir } from "../e2e/lib/process.mjs";
import { model, settled, stopLoads } from "./load.mjs";

export const keyLimit = 50_000_000;

export class Installation {
  /** A provider, a gateway with an administrator, a channel, one key without a limit and one with. */
  static async create(name, { env = {}, dir = tempDir(name), workers = 2 } = {}) {
    const self = new Installation();
    Object.assign(self, { dir, env, workers });
    self.mock = await startMock({ keep: 0 });
    await self.start();
    const admin = await Account.setup(self.gateway.url);
    await admin.channel({ base_url: self.mock.url, models: model });
    const free = await admin.token({ name: "free" });
    const limited = await admin.token({ name: "limited", unlimited_quota: false, remain_quota: keyLimit });
    self.limited = limited.id;
    self.keys = [free.key, limited.key];
    self.initial = await admin.balance();
    return self;
  }

  async start(more = {}) {
    this.gateway = await startGateway({ dir: this.dir, workers: this.workers, env: { ...this.env, ...more } });
    return this.gateway;
  }

  login() {
    return Account.login(this.gateway.url, rootName, rootPassword);
  }

  /** Waits until everything has reached the database; then what left balance, key and statistics is what the rows say. */
  async checkBooks() {
    const health = await settled(this.gateway);
    const admin = await this.login();
    const rows = await admin.consumeRows();
    const sum = rows.reduce((total, row) => total + row.quota, 0);
    const self = await admin.call("GET", "/api/user/self");
    assert.equal(this.initial - self.quota, sum, "fall of the balance, sum of the rows");
    assert.equal(self.used_quota, sum, "used quota of the user");
    const { items: tokens } = await admin.call("GET", "/api/token/?p=1&page_size=100");
    const key = tokens.find(({ id }) => id === this.limited);
    const ofKey = rows.filter((row) => row.token_id === this.limited).reduce((total, row) => total + row.quota, 0);
    assert.equal(keyLimit - key.remain_quota, ofKey, "fall of the key's limit, sum of its rows");
    const { items: channels } = await admin.call("GET", "/api/channel/?p=1&page_size=100");
    assert.equal(channels[0].used_quota, sum, "used quota of the channel");
    return { rows, health };
  }

  async stop() {
    await stopLoads();
    await this.gateway?.stop();
    await this.mock?.stop();
    removeDir(this.dir);
  }
}
