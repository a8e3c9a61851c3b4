// Realtime sessions with the stand-in provider that people start with ./dev mock.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Account, startGateway, startMock } from "../lib/gateway.mjs";
import { connect } from "../lib/realtime_client.mjs";

describe("the stand-in provider", { timeout: 60_000 }, () => {
  test("of ./dev mock holds sessions, refuses them and breaks them off as its path says", async () => {
    const mock = await startMock();
    const gateway = await startGateway();
    const admin = await Account.setup(gateway.url);
    const { key } = await admin.token();
    await admin.option("RetryTimes", "0");
    const names = ["gpt-realtime-a", "gpt-realtime-b", "gpt-realtime-c"];
    const scenarios = ["chunks=3,usage=350:170,audio=300:150,audio_ms=300,tools", "cut_after=2", "status=429"];
    for (const [i, name] of names.entries()) await admin.channel({ name, base_url: mock.base(scenarios[i]), models: name });
    await admin.option("ModelRatio", JSON.stringify(Object.fromEntries(names.map((name) => [name, 2.5]))));
    const whole = await connect(gateway.url, names[0], key).opened();
    await whole.event("session.created");
    whole.respond();
    await whole.event("response.output_audio.delta", 3);
    await whole.event("response.done");
    assert.equal((await whole.close()).code, 1000);
    const other = JSON.parse((await admin.row(whole.requestId)).other);
    assert.deepEqual([other.text_input, other.audio_input, other.text_output, other.audio_output], [50, 300, 20, 150]);
    const cut = await connect(gateway.url, names[1], key).opened();
    cut.respond();
    assert.equal((await cut.event("error")).error.code, "upstream_reset");
    const refused = await connect(gateway.url, names[2], key).opened();
    await refused.event("error");
    assert.equal((await refused.end()).code, 1008);
    await gateway.stop();
    await mock.stop();
  });
});
