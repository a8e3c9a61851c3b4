// Reads a page of Prometheus' text format 0.0.4 and says what is wrong with it.
import assert from "node:assert/strict";

const metricName = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const labelName = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

function readLabels(text, line) {
  const labels = {};
  let rest = text;
  while (rest !== "") {
    const found = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/.exec(rest);
    assert.ok(found, `labels: ${line}`);
    const [whole, name, value] = found;
    assert.match(name, labelName);
    assert.ok(!(name in labels), `label twice: ${line}`);
    labels[name] = value.replace(/\\(.)/g, (_, c) => (c === "n" ? "\n" : c));
    rest = rest.slice(whole.length);
  }
  return labels;
}

function readNumber(text, line) {
  const special = { NaN, "+Inf": Infinity, "-Inf": -Infinity };
  if (text in special) return special[text];
  assert.match(text, /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/, line);
  return Number(text);
}

const key = (labels) => JSON.stringify(Object.entries(labels).sort());

function checkHistogram(family) {
  const rows = new Map();
  for (const { name, labels, value } of family.samples) {
    const { le, ...others } = labels;
    const row = rows.get(key(others)) ?? { buckets: [], sum: undefined, count: undefined };
    if (name === `${family.name}_bucket`) row.buckets.push([le === "+Inf" ? Infinity : Number(le), value]);
    else if (name === `${family.name}_sum`) row.sum = value;
    else if (name === `${family.name}_count`) row.count = value;
    else assert.fail(`${name} in the histogram ${family.name}`);
    rows.set(key(others), row);
  }
  for (const [labels, { buckets, sum, count }] of rows) {
    const where = `${family.name} ${labels}`;
    assert.ok(sum !== undefined && count !== undefined, `${where}: sum and count`);
    for (let i = 1; i < buckets.length; ++i) {
      assert.ok(buckets[i][0] > buckets[i - 1][0], `${where}: bounds ascend`);
      assert.ok(buckets[i][1] >= buckets[i - 1][1], `${where}: buckets are cumulative`);
    }
    assert.deepEqual(buckets.at(-1), [Infinity, count], `${where}: the last bucket holds all`);
  }
}

/** The families of a page by name: {name, type, samples: [{name, labels, value}]}. Throws on what the format forbids. */
export function readMetrics(text) {
  assert.ok(text.endsWith("\n"), "the page ends with a line feed");
  const families = new Map();
  let family;
  for (const line of text.slice(0, -1).split("\n")) {
    const help = /^# HELP (\S+) (.*)$/.exec(line);
    const type = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line);
    if (help) {
      assert.match(help[1], metricName);
      assert.ok(!families.has(help[1]), `family twice: ${help[1]}`);
      family = { name: help[1], type: undefined, samples: [] };
      families.set(family.name, family);
      continue;
    }
    if (type) {
      assert.equal(type[1], family?.name, line);
      assert.equal(family.type, undefined, line);
      family.type = type[2];
      continue;
    }
    const sample = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
    assert.ok(sample, `not a line of the format: ${line}`);
    const [, name, labels = "", value] = sample;
    assert.ok(family?.type, `no TYPE before ${line}`);
    if (family.type !== "histogram") assert.equal(name, family.name, "samples stand below their family");
    family.samples.push({ name, labels: readLabels(labels, line), value: readNumber(value, line) });
  }
  for (const one of families.values()) {
    const seen = new Set(one.samples.map(({ name, labels }) => name + key(labels)));
    assert.equal(seen.size, one.samples.length, `a series twice in ${one.name}`);
    if (one.type === "counter") {
      assert.match(one.name, /_total$/, "counters end in _total");
      for (const { value } of one.samples) assert.ok(value >= 0, one.name);
    }
    if (one.type === "histogram") checkHistogram(one);
  }
  return families;
}

/** The sum of a family's samples that have these labels; of histograms their counts. 0 without any. */
export function sumOf(families, name, labels = {}) {
  const family = families.get(name);
  assert.ok(family, `no family ${name}`);
  const wanted = family.type === "histogram" ? `${name}_count` : name;
  return family.samples
    .filter((sample) => sample.name === wanted)
    .filter((sample) => Object.entries(labels).every(([label, value]) => sample.labels[label] === value))
    .reduce((sum, { value }) => sum + value, 0);
}
