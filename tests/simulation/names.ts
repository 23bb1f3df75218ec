import type { TreeRules } from '../../src/sources/file-tree/rules.ts';

/** What users write to: few, so that they meet; some of them one name on a disk that folds case. */
export const NAMES = [
  'CLAUDE.md',
  'Claude.md',
  'notes/a.md',
  'settings.json',
  'history.jsonl',
  'projects/p/one.jsonl',
  'skills/s/SKILL.md',
  'skills/s/run.sh',
  'blob.bin',
  'BLOB.bin',
] as const;

/** A folder that users only ever write whole, the same stamp in each file: so it must stand everywhere. */
export const UNIT = ['skills/unit/SKILL.md', 'skills/unit/lib/run.sh', 'skills/unit/z.bin'] as const;

export function inUnit(name: string): boolean {
  return name.startsWith('skills/unit/');
}

/** Where users make links, and what to: inside the folder, out of it, and to nothing. All lie in folders, so that one `..` stays inside. */
export const LINKS = ['notes/link.md', 'notes/a.md', 'skills/s/run.sh'] as const;
export const TARGETS = ['a.md', '../CLAUDE.md', 'missing', '/etc/hosts', '../../../out'] as const;

/** True of the targets that lead out of the folder: such a link stays its machine's own. */
export function leadsOut(target: string): boolean {
  return target.startsWith('/') || target.startsWith('../../../');
}

/** A name's kind, by rules of the simulation's own. */
export function kindOf(name: string): string {
  if (name.startsWith('skills/')) return 'folder';
  if (name.startsWith('projects/')) return 'transcript';
  if (name.endsWith('.jsonl')) return 'jsonl';
  if (name.endsWith('.json')) return 'json';
  return name.endsWith('.md') ? 'text' : 'opaque';
}

export const RULES: TreeRules = {
  classify: (name) => ({ kind: kindOf(name) }),
  appends: (kind) => kind === 'jsonl' || kind === 'transcript',
  deletable: (kind) => kind !== 'transcript',
  wholeLines: (kind) => kind === 'jsonl' || kind === 'transcript',
};
