import { randomBytes } from 'node:crypto';
import { appendFileSync, chmodSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createNodeFiles } from '../../src/sources/files/node-files.ts';
import { filesContract } from './files.ts';

filesContract('disk', () => {
  const base = mkdtempSync(join(tmpdir(), 'satchel-files-'));
  const root = join(base, 'root');
  const outside = join(base, 'outside');
  mkdirSync(root);
  mkdirSync(outside);
  writeFileSync(join(outside, 'secret'), 'secret');
  const readIfThere = (path: string): string | null => {
    try {
      return readFileSync(path, 'utf8');
    } catch {
      return null;
    }
  };
  return {
    files: createNodeFiles({ root, random: { bytes: (length) => randomBytes(length) } }),
    hand: {
      write(path, text, mode) {
        mkdirSync(dirname(join(root, path)), { recursive: true });
        writeFileSync(join(root, path), text);
        if (mode !== undefined) chmodSync(join(root, path), mode);
      },
      append: (path, text) => appendFileSync(join(root, path), text),
      text: (path) => readIfThere(join(root, path)),
      link: (path, target) => symlinkSync(target, join(root, path)),
      folder: (path) => void mkdirSync(join(root, path), { recursive: true }),
      remove: (path) => rmSync(join(root, path), { recursive: true }),
      paths: () => readdirSync(root, { recursive: true, encoding: 'utf8' }),
      dropRoot: () => rmSync(root, { recursive: true }),
      outside,
      outsideText: (name) => readIfThere(join(outside, name)),
    },
    close: () => rmSync(base, { recursive: true, force: true }),
  };
});
