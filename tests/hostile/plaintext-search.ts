import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inflateRawSync, inflateSync, type ZlibOptions } from 'node:zlib';
import { parseZstdFrame } from '../../src/store/zstd-frame.ts';
import { createZstd } from '../../src/store/zstd.ts';

/** Every form in which a text may lie in bytes: as it is, UTF-16, hex, base64 at each of three alignments. */
export function formsOf(text: string): Map<string, Buffer> {
  const utf8 = Buffer.from(text);
  const utf16 = Buffer.from(text, 'utf16le');
  const forms = new Map<string, Buffer>([
    ['UTF-8', utf8],
    ['UTF-16LE', utf16],
    ['UTF-16BE', Buffer.from(utf16).swap16()],
    ['hex', Buffer.from(utf8.toString('hex'))],
    ['HEX', Buffer.from(utf8.toString('hex').toUpperCase())],
    ['URL', Buffer.from(encodeURIComponent(text))],
  ]);
  for (const shift of [0, 1, 2]) {
    // What stands before and behind changes the characters at both ends: they are left out.
    const encoded = Buffer.concat([Buffer.alloc(shift), utf8])
      .toString('base64')
      .replace(/=+$/, '');
    const inner = encoded.slice(Math.ceil((shift * 4) / 3) + (shift === 0 ? 0 : 1), -2);
    forms.set(`base64+${shift}`, Buffer.from(inner));
    forms.set(`base64url+${shift}`, Buffer.from(inner.replaceAll('+', '-').replaceAll('/', '_')));
  }
  return forms;
}

/** The bytes, and everything in them that a zstd, gzip or zlib stream begins and expands. */
async function layersOf(bytes: Buffer): Promise<Buffer[]> {
  const layers = [bytes];
  const zstd = createZstd();
  for (const at of positionsOf(bytes, Buffer.from('28b52ffd', 'hex'))) {
    try {
      const { frameLength, contentSize } = parseZstdFrame(bytes.subarray(at));
      if (contentSize === null || contentSize > 64 * 1024 * 1024) continue;
      layers.push(Buffer.from(await zstd.expand(bytes.subarray(at, at + frameLength), contentSize)));
    } catch {
      continue; // no stream begins here
    }
  }
  for (const [magic, expand] of [
    ['1f8b0800', (from: Buffer, options: ZlibOptions) => inflateRawSync(from.subarray(10), options)],
    ['7801', inflateSync],
    ['785e', inflateSync],
    ['789c', inflateSync],
    ['78da', inflateSync],
  ] as const) {
    for (const at of positionsOf(bytes, Buffer.from(magic, 'hex'))) {
      try {
        layers.push(expand(bytes.subarray(at), { maxOutputLength: 64 * 1024 * 1024, finishFlush: 2 }));
      } catch {
        continue; // no stream begins here
      }
    }
  }
  return layers;
}

function* positionsOf(bytes: Buffer, what: Buffer): Generator<number> {
  for (let at = bytes.indexOf(what); at >= 0; at = bytes.indexOf(what, at + 1)) yield at;
}

/** Where which planted text was found, in which form. */
export async function search(places: ReadonlyMap<string, Buffer>, planted: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const [place, bytes] of places) {
    for (const [depth, layer] of (await layersOf(bytes)).entries()) {
      for (const text of planted) {
        for (const [form, needle] of formsOf(text)) {
          if (layer.includes(needle)) found.push(`${text} as ${form} in ${place}${depth === 0 ? '' : ', compressed'}`);
        }
      }
    }
  }
  return found;
}

/** All files below a folder, by path. */
export async function filesBelow(folder: string): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) files.set(path, await readFile(path));
  }
  return files;
}
