// What a chat request costs, computed apart from the gateway in exact whole numbers: ratios are given as decimal texts.

/** Exact decimals: value = units / 10^places. */
class Decimal {
  constructor(units, places) {
    this.units = units;
    this.places = places;
  }
  static of(value) {
    const [whole, fraction = ""] = String(value).split(".");
    if (!/^-?\d+$/.test(whole) || !/^\d*$/.test(fraction)) throw new Error(`not a plain decimal: ${value}`);
    return new Decimal(BigInt(whole + fraction), fraction.length);
  }
  plus(other) {
    const places = Math.max(this.places, other.places);
    return new Decimal(this.scaled(places) + other.scaled(places), places);
  }
  times(other) {
    return new Decimal(this.units * other.units, this.places + other.places);
  }
  scaled(places) {
    return this.units * 10n ** BigInt(places - this.places);
  }
  /** Half away from zero; only for values that are not negative. */
  rounded() {
    const one = 10n ** BigInt(this.places);
    return (2n * this.units + one) / (2n * one);
  }
}

/**
 * Quota of a request priced by ratios.
 * usage: {prompt, completion, cached}; ratios: {model, completion, cache, group} as decimal texts.
 */
export function quota(usage, ratios) {
  const cached = usage.cached ?? 0;
  if (usage.prompt + usage.completion === 0) return 0;
  const tokens = Decimal.of(usage.prompt - cached)
    .plus(Decimal.of(cached).times(Decimal.of(ratios.cache ?? "1")))
    .plus(Decimal.of(usage.completion).times(Decimal.of(ratios.completion ?? "1")));
  const factor = Decimal.of(ratios.model).times(Decimal.of(ratios.group ?? "1"));
  const amount = Number(tokens.times(factor).rounded());
  return factor.units === 0n ? amount : Math.max(1, amount);
}

/** Ratios that the gateway comes with, for the models the tests use. 37.5 is that of a model without a price. */
export const ratios = {
  "gpt-4o-mini": { model: "0.075", completion: "4", cache: "0.5" },
  "gpt-4.1-nano": { model: "0.05", completion: "2", cache: "0.25" },
  "gpt-3.5-turbo-instruct": { model: "0.75", completion: "2" },
  "text-embedding-3-small": { model: "0.01" },
  "dall-e-2": { model: "37.5" },
  "deepseek-chat": { model: "0.135", completion: "1", cache: "0.25" },
  "deepseek-reasoner": { model: "0.275", completion: "1", cache: "0.25" },
  "mistral-small-latest": { model: "37.5", completion: "3" },
  "grok-3-mini": { model: "37.5", completion: "1" },
};

/**
 * Tokens of an ASCII text by the weight table for models without a tokenizer of their own (not Claude, not Gemini): a
 * run of letters is a word, a run of digits a number, the rest counts by character.
 */
export function weigh(text) {
  const weights = { word: 102, number: 155, line: 50, space: 42, at: 200, url: 100, symbol: 40 };
  let sum = 0;
  for (const [part] of text.matchAll(/[A-Za-z]+|[0-9]+|[^A-Za-z0-9]/g)) {
    if (/[A-Za-z]/.test(part)) sum += weights.word;
    else if (/[0-9]/.test(part)) sum += weights.number;
    else if (/[\n\t]/.test(part)) sum += weights.line;
    else if (part === " ") sum += weights.space;
    else if (part === "@") sum += weights.at;
    else sum += "/:?&=;#%".includes(part) ? weights.url : weights.symbol;
  }
  return Math.ceil(sum / 100);
}

/** Estimate of a chat prompt of one user message, for the same models: role, text, 3 a message and 3. */
export const prompt = (text) => weigh(`user\n${text}`) + 6;

/** The first bytes of the text that the stand-in provider answers with. */
export const mockText = (bytes) => "The quick brown fox jumps over the lazy dog. ".repeat(bytes / 45 + 1).slice(0, bytes);
