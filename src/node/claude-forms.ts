import type { Config } from '../config/config.ts';
import type { FileTree } from '../core/ports/files.ts';
import type { Replica } from '../core/replica/replica.ts';
import type { Workspace } from '../core/replica/workspace.ts';
import type { Form, FormPart, IsSecret } from '../kinds/claude-home/form.ts';
import { FORMS } from '../kinds/claude-home/forms.ts';
import type { ProjectPaths } from '../kinds/claude-home/history-line.ts';
import { INVENTORY } from '../kinds/claude-home/inventory.ts';
import type { ConsentSubject } from '../sources/claude-home/consent.ts';
import { admitPlugin } from '../sources/claude-home/admit-plugin.ts';
import { createFormMemory } from '../sources/claude-home/form-memory.ts';
import { foldersNoted } from '../sources/claude-home/place-book.ts';
import { createFormsWorkspace, type FormsWorkspace } from '../sources/claude-home/forms-workspace.ts';
import type { SpaceConsents } from './consent-book.ts';
import { partAuthors, partSubjectOf } from './part-authors.ts';

/** The forms by the names of their items. */
export const FORMS_BY_NAME: ReadonlyMap<string, Form> = new Map(
  INVENTORY.flatMap((row): [string, Form][] => {
    const form = row.class === 'never' || row.form === null ? undefined : FORMS.get(row.form);
    return form === undefined ? [] : [[row.pattern, form]];
  }),
);

/** The forms of a Claude home over its consents. */
export function createClaudeForms(
  inner: Workspace,
  replica: Replica,
  book: SpaceConsents,
  {
    config,
    files,
    projects,
    onPlaced,
  }: {
    readonly config: Config;
    readonly files: FileTree;
    readonly projects: () => Promise<ProjectPaths>;
    readonly onPlaced?: () => void;
  },
): FormsWorkspace {
  const { userHome, claudeHome } = config.environment;
  const { store } = replica.deps;
  const places = `documents in ${foldersNoted(replica.space)}` as const;
  let answers = 0;
  book.onChange(() => (answers += 1));
  let isSecret: Promise<IsSecret> | null = null;
  return createFormsWorkspace(inner, {
    clock: replica.deps.clock,
    forms: FORMS_BY_NAME,
    memory: createFormMemory(store, replica.space),
    stamp: () => [answers, replica.membership.members.size, replica.membership.removed.size, store.writes?.(places)].join(' '),
    async contextOf(item) {
      await book.refresh();
      const authors = await partAuthors(replica, book, item);
      return {
        paths: { home: userHome, claudeHome },
        projects: await projects(),
        isSecret: await (isSecret ??= loadIsSecret()),
        isReleased: releasedIn(item.name, config.claude.notSecret),
        admit: (part) => admitPlugin(part, files) ?? (book.judge(partSubject(part), authors(part)) === 'allowed' ? 'yes' : 'ask'),
      };
    },
    ...(onPlaced === undefined ? {} : { onPlaced }),
    async readLocal(name) {
      const read = await files.read(name);
      if (read.ok) return read.value.bytes;
      if (read.error.type === 'missing') return null;
      throw new Error(read.error.message);
    },
  });
}

/** Whether a pointer into an item is, or lies below, one that the user says is no secret. */
function releasedIn(name: string, notSecret: readonly string[]): (pointer: string) => boolean {
  const places = notSecret.flatMap((place) => (place.startsWith(`${name}#/`) ? [place.slice(name.length + 1)] : []));
  return (pointer) => places.some((place) => pointer === place || pointer.startsWith(`${place}/`));
}

const REMEMBERED = 5_000;

/** The rules load in some 20 ms: not before there is a value to look at. */
async function loadIsSecret(): Promise<IsSecret> {
  return remembering((await import('../redaction/secret-value.ts')).isSecretValue);
}

/** The same values are looked at again and again, which costs some 100 µs each. */
function remembering(isSecret: IsSecret): IsSecret {
  const known = new Map<string, boolean>();
  return (keyPath, value) => {
    const key = JSON.stringify([keyPath.findLast((part) => !/^\d+$/.test(part)) ?? '', value]);
    const before = known.get(key);
    if (before !== undefined) return before;
    if (known.size >= REMEMBERED) known.clear();
    const secret = isSecret(keyPath, value);
    known.set(key, secret);
    return secret;
  };
}

/** What an answer about a part binds: its place in the item, and what would stand there on every machine. */
export function partSubject({ name, pointer, wanted }: FormPart): ConsentSubject {
  return partSubjectOf(name, pointer, wanted);
}
