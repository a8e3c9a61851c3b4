// Packed bodies, good ones and bombs. Node has no zstd: its frames are written by hand (RFC 8878 §3.1.1).
import { randomFillSync } from "node:crypto";

const blockMost = 128 * 1024;
const frame = (blocks) => Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38]), ...blocks]);
function block(last, type, size, content) {
  const header = (last ? 1 : 0) | (type << 1) | (size << 3);
  return Buffer.concat([Buffer.from([header & 0xff, (header >> 8) & 0xff, header >> 16]), content]);
}

/** A frame of raw blocks: whole, though not smaller. */
export function zstd(data) {
  const blocks = [];
  for (let at = 0; at < data.length; at += blockMost) {
    const piece = data.subarray(at, at + blockMost);
    blocks.push(block(at + blockMost >= data.length, 0, piece.length, piece));
  }
  return frame(blocks);
}

/** So many zeros: four bytes for each 128 KiB. */
export function zstdZeros(size) {
  const count = Math.ceil(size / blockMost);
  return frame(Array.from({ length: count }, (_, i) => block(i === count - 1, 1, blockMost, Buffer.from([0]))));
}

/** Bytes that pack about forty to one: below the limit of the ratio. */
export function dull(size) {
  const bytes = Buffer.alloc(size);
  for (let at = 0; at + 16 < size; at += 1016) randomFillSync(bytes, at, 16);
  return bytes;
}
