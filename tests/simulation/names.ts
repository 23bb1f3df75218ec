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
