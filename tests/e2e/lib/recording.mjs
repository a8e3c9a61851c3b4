// Recordings to upload, made here: a WAV of silence plays exactly as long as it says.

/** Mono, 8 bit, 8 kHz: 8,000 bytes a second. */
export function wav(seconds) {
  const bytes = Math.round(seconds * 8000);
  const head = Buffer.alloc(44);
  head.write("RIFF", 0);
  head.writeUInt32LE(36 + bytes, 4);
  head.write("WAVEfmt ", 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(8000, 24);
  head.writeUInt32LE(8000, 28);
  head.writeUInt16LE(1, 32);
  head.writeUInt16LE(8, 34);
  head.write("data", 36);
  head.writeUInt32LE(bytes, 40);
  return Buffer.concat([head, Buffer.alloc(bytes, 0x80)]);
}

/** The bytes of a form: [name, text] or [name, bytes, file name, type]. */
export function form(parts, boundary = "e2e-boundary") {
  const pieces = [];
  for (const [name, value, fileName, type] of parts) {
    const file = fileName === undefined ? "" : `; filename="${fileName}"`;
    const typed = type === undefined ? "" : `\r\nContent-Type: ${type}`;
    pieces.push(`--${boundary}\r\nContent-Disposition: form-data; name="${name}"${file}${typed}\r\n\r\n`, value, "\r\n");
  }
  pieces.push(`--${boundary}--\r\n`);
  return {
    type: `multipart/form-data; boundary=${boundary}`,
    body: Buffer.concat(pieces.map((piece) => Buffer.from(piece))),
  };
}
