import type { MemoryDisk } from '../../src/sources/files/memory-disk.ts';
import { isTemporary } from '../../src/core/ports/files.ts';
import { inUnit, kindOf, NAMES } from './names.ts';
import type { SimRandom } from './network.ts';

/** New words, all different and none the beginning of another, but for some that two users may happen to write alike. */
export interface Words {
  next(): string;
}

export function createWords(random: SimRandom): Words {
  let count = 0;
  return { next: () => (random.chance(0.08) ? `same${random.below(3)}` : `w${String((count += 1)).padStart(5, '0')}`) };
}

/** One deed of a user on a home. Returns what was done, for the trace. */
export function meddle(disk: MemoryDisk, random: SimRandom, words: Words, name = pickName(disk, random)): string {
  const entry = disk.get(name);
  const there = entry?.type === 'file' ? Buffer.from(entry.body).toString('latin1') : null;
  const roll = random.below(100);
  if (there !== null && roll < 10) {
    disk.remove(name);
    return `removes ${name}`;
  }
  if (there !== null && roll < 16) {
    const to = NAMES[random.below(NAMES.length)] as string;
    if (disk.get(to)?.type !== 'folder') {
      disk.rename(name, to);
      return `renames ${name} to ${to}`;
    }
  }
  if (there !== null && roll < 22) {
    const mode = disk.stat(name)?.mode ?? 0o644;
    disk.chmod(name, mode ^ 0o111);
    return `turns the mode of ${name}`;
  }
  if (entry?.type === 'folder') return `looks at ${name}`;
  const body = there === null || roll < 26 ? freshBody(name, random, words) : editedBody(name, there, random, words);
  disk.write(name, Buffer.from(body, 'latin1'));
  return `writes ${name} (${body.length} bytes)`;
}

/** Whatever stands on the disk, or one of the names. */
function pickName(disk: MemoryDisk, random: SimRandom): string {
  const files = disk.paths().filter((path) => disk.get(path)?.type === 'file' && !isTemporary(path) && !inUnit(path));
  if (files.length > 0 && random.chance(0.3)) return files[random.below(files.length)] as string;
  return NAMES[random.below(NAMES.length)] as string;
}

function freshBody(name: string, random: SimRandom, words: Words): string {
  const roll = random.below(50);
  if (roll === 0) return '';
  const lines = roll === 1 ? 2_500 : 2 + random.below(5);
  switch (kindOf(name)) {
    case 'json':
      return printJson(Object.fromEntries(['a', 'b', 'c'].map((key) => [key, words.next()])));
    case 'jsonl':
    case 'transcript':
      return Array.from({ length: lines }, () => `{"t":"${words.next()}"}\n`).join('');
    default:
      return Array.from({ length: lines }, () => `${words.next()}\n`).join('');
  }
}

function editedBody(name: string, body: string, random: SimRandom, words: Words): string {
  switch (kindOf(name)) {
    case 'json':
      return editedJson(body, random, words);
    case 'jsonl':
    case 'transcript': {
      if (random.chance(0.06)) return freshBody(name, random, words);
      if (body !== '' && !body.endsWith('\n')) return `${body}"}\n`;
      const torn = random.chance(0.1);
      return `${body}{"t":"${words.next()}${torn ? '' : '"}\n'}`;
    }
    default:
      return editedLines(body, random, words);
  }
}

function editedLines(body: string, random: SimRandom, words: Words): string {
  const lines = body.split('\n');
  const at = random.below(lines.length);
  const roll = random.below(4);
  if (roll === 0) lines.splice(at, 0, words.next());
  else if (roll === 1 && lines.length > 2) lines.splice(at, 1);
  else lines[at] = words.next();
  return lines.join('\n');
}

function editedJson(body: string, random: SimRandom, words: Words): string {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return printJson({ a: words.next() });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return printJson({ a: words.next() });
  const document = value as Record<string, unknown>;
  const key = ['a', 'b', 'c', 'd'][random.below(4)] as string;
  const roll = random.below(4);
  if (roll === 0) delete document[key];
  else if (roll === 1) document[key] = [...(Array.isArray(document[key]) ? (document[key] as unknown[]) : []), words.next()];
  else document[key] = words.next();
  return printJson(document);
}

function printJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
