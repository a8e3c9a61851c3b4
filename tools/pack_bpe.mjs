// node tools/pack_bpe.mjs ENCODING FILE: writes the tokens of an encoding (cl100k_base, o200k_base) from the npm package
// js-tiktoken as one blob: for every rank from 0 on, a length byte and the token's bytes.
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const [encoding, file] = process.argv.slice(2);
const loaded = createRequire(import.meta.url)(`js-tiktoken/ranks/${encoding}`);
const { bpe_ranks } = loaded.default ?? loaded;

// Lines of "! first-rank token token …", tokens in base64.
const tokens = [];
for (const line of bpe_ranks.split('\n').filter(Boolean)) {
  const [, first, ...texts] = line.split(' ');
  texts.forEach((text, i) => { tokens[Number(first) + i] = Buffer.from(text, 'base64'); });
}
const parts = [];
for (let rank = 0; rank < tokens.length; ++rank) {
  const token = tokens[rank];
  if (!token || token.length === 0 || token.length > 255) throw new Error(`rank ${rank} of ${encoding} cannot be packed`);
  parts.push(Buffer.from([token.length]), token);
}
writeFileSync(file, Buffer.concat(parts));
