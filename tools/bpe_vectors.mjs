// Writes tests/unit/billing/bpe_vectors.json: texts and the token ids that js-tiktoken gives them.
// node tools/bpe_vectors.mjs > tests/unit/billing/bpe_vectors.json
import { Tiktoken } from 'js-tiktoken/lite';
import cl100k from 'js-tiktoken/ranks/cl100k_base';
import o200k from 'js-tiktoken/ranks/o200k_base';

const encoders = { cl100k: new Tiktoken(cl100k), o200k: new Tiktoken(o200k) };

// Pieces where a hand-written splitter goes wrong first.
const pieces = ["I'm", "'S", "'ll", "'LL", "'lL", "'re", "'r", "don't", "''s", 'Hello', ' world', 'HTTPServer', 'ǅungla', 'ÀÉÎ',
  '你好', 'ABC你好', 'これはテスト', '한국어', 'العربية', 'हिन्दी', 'é', 'x̂y', '̂', '👩‍👩‍👧', '🙂', '  ', ' ', '\u00a0',
  '\u0085', '\ufeff', '\u3000', '\t', '\n', '\r\n', '\n\n ', '   \n', '\u0000', '/', '//', '\n/', '!?', ' !', '...\n', '123', '1234567',
  '٣٤٥', '½', 'Ⅷ', '²', '<|endoftext|>', '<|im_start|>', 'İ', 'ſ', "'ſ", 'ß', '_', '-', '=', '{"a": [1, 2]}', '\ufffd', 'ªº', 'ʰ', 'Aʰ', 'ΑΒΓδ', '\u200d', '𝒳', '𠀀'];
let state = 12345;
const below = (n) => { state = (Math.imul(state, 1103515245) + 12345) >>> 0; return (state >>> 8) % n; };

const texts = [
  '', 'Hello, world!', 'The quick brown fox jumps over the lazy dog.',
  'def main():\n    for i in range(10):\n        print(f"{i:>4} // {i ** 2}")\n\n\nif __name__ == "__main__":\n\tmain()\n',
  'SELECT id, name FROM users WHERE quota >= 500000 AND `group` = \'vip\';  -- 余额\r\n\r\n',
  '在中国，人工智能的发展速度非常快。请用中文回答：1+1等于几？', 'https://example.com/a/b?c=d&e=%20#f',
  ...pieces,
];
for (let i = 0; i < 150; ++i) {
  let text = '';
  for (let n = 2 + below(14); n > 0; --n) text += pieces[below(pieces.length)];
  texts.push(text);
}
const long = [['a', 3000], ['ab', 700], ['你', 400], ['=', 1000], ['Zq', 301], ['xK9', 250], ['é', 333], [' ', 500]];
const line = (entry, text) => JSON.stringify({
  ...entry, ...Object.fromEntries(Object.entries(encoders).map(([name, e]) => [name, e.encode(text, [], [])])) });
console.log('[\n' + [
  ...texts.map((text) => line({ text }, text)),
  ...long.map(([text, times]) => line({ text, times }, text.repeat(times))),
].join(',\n') + '\n]');
