import { closeSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs';

/** Past this, the file becomes the old one, and what was the old one goes. */
export const LOG_BYTES = 8 * 1024 * 1024;

/** The log before the present one. */
export const oldLog = (file: string): string => `${file}.old`;

/**
 * Lines in a 0600 file, and an old one like it, of at most `maxBytes` and a line each. A line is written at once: the
 * last ones before a crash are the ones that are asked for. One that cannot be written is lost, and the node goes on.
 */
export function createLogFile(file: string, maxBytes = LOG_BYTES): { write(line: string): void } {
  let open: { readonly handle: number; bytes: number } | null = null;

  const end = (): void => {
    if (open !== null) closeSync(open.handle);
    open = null;
  };
  const begin = (): { readonly handle: number; bytes: number } => {
    const handle = openSync(file, 'a', 0o600);
    return { handle, bytes: fstatSync(handle).size };
  };
  const write = (line: string): void => {
    open ??= begin();
    if (open.bytes >= maxBytes) {
      end();
      renameSync(file, oldLog(file));
      open = begin();
    }
    open.bytes += writeSync(open.handle, line);
  };
  return {
    write(line) {
      try {
        write(line);
      } catch {
        end(); // a full disk, or a file that is not ours to write: the next line tries anew
      }
    },
  };
}
