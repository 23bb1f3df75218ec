import type { Kind, KindRegistry } from '../core/merge/kind.ts';
import { classify } from './classify/classify.ts';
import { FORMAT_RULES } from './classify/default-rules.ts';
import { createFolderKind } from './folder.ts';
import { historyKind } from './claude-home/history-kind.ts';
import { claudeMemKind } from './claude-mem/claude-mem-kind.ts';
import { laterPlanStands } from './claude-home/later-plan.ts';
import { projectKind } from './claude-home/project.ts';
import { sessionFileKind } from './claude-home/session-file.ts';
import { jsonKind } from './json/json.ts';
import { mnemeEntitiesKind } from './mneme/entities-kind.ts';
import { mnemeHandoffKind } from './mneme/handoff-kind.ts';
import { mnemeLogKind } from './mneme/log-kind.ts';
import { mnemeRememberedKind } from './mneme/remembered-kind.ts';
import { mnemeSummaryKind } from './mneme/summary-kind.ts';
import { jsonlKind } from './jsonl/jsonl.ts';
import { transcriptKind } from './jsonl/transcript.ts';
import { opaqueKind } from './opaque.ts';
import { textKind } from './text/text.ts';

/** Skills and the like: `skills/NAME/**` is a unit. Its files are text, JSON or opaque, by their names. */
export const folderKind: Kind = createFolderKind({ id: 'folder', depth: 2, memberKind });

export const KINDS: readonly Kind[] = [
  laterPlanStands(textKind),
  jsonKind,
  jsonlKind,
  transcriptKind,
  folderKind,
  opaqueKind,
  projectKind,
  sessionFileKind,
  historyKind,
  claudeMemKind,
  mnemeLogKind,
  mnemeRememberedKind,
  mnemeEntitiesKind,
  mnemeSummaryKind,
  mnemeHandoffKind,
];

/** Throws if two kinds share an id: a bug. */
export function createKindRegistry(kinds: readonly Kind[] = KINDS): KindRegistry {
  const byId = new Map(kinds.map((kind) => [kind.id, kind]));
  if (byId.size < kinds.length) throw new Error('two kinds share an id');
  return { get: (id) => byId.get(id) };
}

function memberKind(name: string): Kind {
  const id = classify(name, FORMAT_RULES);
  return [textKind, jsonKind].find((kind) => kind.id === id) ?? opaqueKind;
}
