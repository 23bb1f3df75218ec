import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { createRequire, Module } from 'node:module';
import path from 'node:path';
import { Script } from 'node:vm';

/** Node's own way from a module's text to its exports, which is not in its types. */
const COMPILE = '_compile';
interface Compiling {
  [COMPILE]: (this: NodeModule, text: string, file: string, ...more: unknown[]) => unknown;
}

const CHECKSUM_BYTES = 32;

/**
 * Keeps what V8 compiled of the program's parts in `folder`, which saves a command a fifth of its start: for a Node that
 * cannot do so itself. Only parts beside `main` are kept, which have no `import()` (scripts/bundle.mjs), each checked with
 * a SHA-256 of its text and of what was kept; V8 refuses what another version or other flags made. Compiled code is code:
 * where another user than the program's and this one could write, nothing is read. Gives back what writes down what was
 * compiled anew, for the process's end; where we cannot write, nothing is kept. Never a reason to fail.
 */
export function keepCompiledParts(main: string, folder: string): () => void {
  if (!isOurs(main, folder)) return () => undefined;
  const parts = path.dirname(main);
  const fresh = new Map<string, { readonly text: string; readonly script: Script }>();
  const node = Module.prototype as unknown as Compiling;
  const compile = node[COMPILE];
  node[COMPILE] = function compileKept(text, file, ...more) {
    if (path.dirname(file) !== parts || file === main) return compile.call(this, text, file, ...more);
    const kept = path.join(folder, `${path.basename(file)}.${process.version}-${process.arch}`);
    const cachedData = readKept(kept, text);
    const script = new Script(Module.wrap(text), {
      filename: file,
      ...(cachedData === null ? {} : { cachedData }),
    });
    if (cachedData === null || script.cachedDataRejected === true) fresh.set(kept, { text, script });
    const run = script.runInThisContext() as (...scope: unknown[]) => unknown;
    return run.call(this.exports, this.exports, createRequire(file), this, file, parts);
  };
  return () => {
    // What ran by now is in it too, which is what the next command runs.
    for (const [kept, { text, script }] of fresh) if (!writeKept(kept, text, script.createCachedData())) break;
  };
}

/** Whether nobody else can write there. Makes the folder where it is missing and may be made. */
function isOurs(main: string, folder: string): boolean {
  const us = process.getuid?.();
  if (us === undefined) return false; // no way to tell
  try {
    mkdirSync(folder, { mode: 0o700, recursive: true });
    const owners = [us, statSync(main).uid];
    const { uid, mode } = statSync(folder);
    return owners.includes(uid) && (mode & 0o022) === 0;
  } catch {
    return false; // as for a program that another user installed
  }
}

function checksum(text: string, data: Uint8Array): Buffer {
  return createHash('sha256').update(text).update('\0').update(data).digest();
}

function readKept(file: string, text: string): Buffer | null {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch {
    return null;
  }
  const data = bytes.subarray(CHECKSUM_BYTES);
  return checksum(text, data).equals(bytes.subarray(0, CHECKSUM_BYTES)) ? data : null;
}

/** False where nothing can be written: the disk is full, or not ours. */
function writeKept(file: string, text: string, data: Buffer): boolean {
  const beside = `${file}.${process.pid}`;
  try {
    writeFileSync(beside, Buffer.concat([checksum(text, data), data]), { mode: 0o600, flag: 'wx' });
    renameSync(beside, file);
    return true;
  } catch {
    try {
      unlinkSync(beside);
    } catch {
      return false; // it was not made
    }
    return false;
  }
}
