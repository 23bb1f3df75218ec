import path from 'node:path';
import type { Config } from '../config/config.ts';
import { recalling } from '../core/recalling.ts';
import type { Item } from '../core/item.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Random } from '../core/ports/random.ts';
import { createReplicaWorkspace } from '../core/replica/replica-workspace.ts';
import type { Replica } from '../core/replica/replica.ts';
import type { Workspace } from '../core/replica/workspace.ts';
import { classify } from '../kinds/classify/classify.ts';
import { DEFAULT_RULES } from '../kinds/classify/default-rules.ts';
import { matchPattern } from '../kinds/classify/match-pattern.ts';
import { locate, mayHoldCarried, mayMatchBelow, type InventoryChoice } from '../kinds/claude-home/locate.ts';
import { mayBeUsersLink } from '../kinds/claude-home/users-link.ts';
import { shownTime } from '../kinds/claude-home/shown-time.ts';
import { transcriptKind } from '../kinds/jsonl/transcript.ts';
import { claudeMemKind } from '../kinds/claude-mem/claude-mem-kind.ts';
import { createKindRegistry } from '../kinds/registry.ts';
import type { FormsWorkspace } from '../sources/claude-home/forms-workspace.ts';
import { createFileTreeSource, type FileTreeSource } from '../sources/file-tree/file-tree-source.ts';
import type { TreeRules } from '../sources/file-tree/rules.ts';
import { createFirstApplyWorkspace, type FirstApplyWorkspace } from '../sources/first-apply/first-apply-workspace.ts';
import { createOutgoingWorkspace, type OutgoingWorkspace } from '../sources/outgoing/outgoing-workspace.ts';
import type { MnemeProjects } from '../sources/mneme-files/mneme-projects.ts';
import type { FileThreads } from '../sources/files/file-threads.ts';
import { createSyncTogether } from '../sources/files/sync-together.ts';
import { createNodeFiles } from '../sources/files/node-files.ts';
import type { HubLog } from '../gateways/native/hub-app.ts';
import type { WatchHealth } from './keep-watching.ts';
import { claudeDefinitions, createClaudeWorkspace, type ClaudeConsents } from './claude-home.ts';
import type { ClaudeProjects } from './claude-projects.ts';
import { createOutgoingAnswers, isShared } from './outgoing-answers.ts';
import { firstApplyNote } from './first-apply-note.ts';
import { createMnemeTreeWorkspace, MNEME_TREE, mnemeDefinitions } from './mneme/mneme-tree.ts';
import { createPrefixedWorkspace } from './prefixed-workspace.ts';

/** A folder that is captured and applied. */
export interface TreeDefinition {
  readonly id: string;
  readonly root: string;
  /** Before every item's name, `id/` except for the Claude home, whose names stand as they are there. */
  readonly prefix: string;
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  /** Of the Claude home: the inventory decides what is carried, by what the user chose, instead of `include` and `exclude`. */
  readonly inventory?: InventoryChoice;
  /** The folder is there for other things: that nothing of what is carried is in it is no sign of another folder. */
  readonly mayBeEmpty?: boolean;
  /** Of a program that not everybody uses: that the folder is not there is as it should be. */
  readonly mayBeMissing?: boolean;
  /** The kind of a name, where not the table of all trees decides; `null`: it is not carried now, as something else carries it. */
  readonly kindOf?: (name: string) => string | null;
  /** What people are shown instead of the folder, where only a file in it is meant. */
  readonly shownAs?: string;
}

export function treeDefinitions(config: Config): TreeDefinition[] {
  const others = config.sources.map((source) => ({
    id: source.id,
    root: path.resolve(source.path),
    prefix: `${source.id}/`,
    include: source.include ?? ['**'],
    exclude: source.exclude ?? [],
  }));
  return [...claudeDefinitions(config), ...mnemeDefinitions(config), ...others];
}

export interface TreeSource {
  readonly definition: TreeDefinition;
  readonly source: FileTreeSource;
  readonly workspace: Workspace;
  readonly firstApply: FirstApplyWorkspace['firstApply'];
  /** What looks like a secret, on its way to a space that others can read. */
  readonly outgoing: OutgoingWorkspace;
  /** Of the Claude home: what may be put in place. */
  readonly consents: ClaudeConsents | null;
  /** Of the Claude home: where its projects are. */
  readonly projects: ClaudeProjects | null;
  /** Of the Claude home: items that this machine has in a form of its own. */
  readonly forms: FormsWorkspace | null;
  /** Of the watching, in a node that runs. */
  readonly health: WatchHealth;
  /** Before the first capture of a command. */
  begin(): Promise<void>;
  /** Before the store: notes that all is in place, so that the next start need not look. */
  close(): Promise<void>;
}

export function createTreeSource(
  definition: TreeDefinition,
  others: readonly TreeDefinition[],
  replica: Replica,
  deps: {
    readonly config: Config;
    readonly clock: Clock;
    readonly random: Random;
    readonly log: HubLog;
    /** Something that was not here has a place now, so that an apply is due. */
    readonly onPlaced?: () => void;
    /** Of the space: for the tree of mneme. */
    readonly mneme?: MnemeProjects | null;
    /** Who reads and writes where there is much of it. */
    readonly threads?: FileThreads;
  },
): TreeSource {
  const prefixes = others.map((other) => other.prefix).filter((prefix) => prefix !== '' && prefix !== definition.prefix);
  const covers = (item: Item): boolean =>
    item.kind !== claudeMemKind.id &&
    item.name.startsWith(definition.prefix) &&
    !prefixes.some((prefix) => item.name.startsWith(prefix)) &&
    carries(definition, item.name.slice(definition.prefix.length));
  const writer = `tree:${definition.id}`;
  const inner = createReplicaWorkspace(replica, { writer, covers, scope: JSON.stringify([definition, prefixes]) });
  const files = createNodeFiles({ ...deps, root: definition.root, disk: createSyncTogether(deps.clock) });
  const outgoing = createOutgoingWorkspace(inner, {
    isShared: () => isShared(replica),
    answers: createOutgoingAnswers(replica),
    digest: (hash) => replica.bodies.digest(hash, {}),
  });
  const claude =
    definition.inventory === undefined
      ? null
      : createClaudeWorkspace(outgoing, replica, { ...definition, inventory: definition.inventory }, { ...deps, files });
  const prefixed = (): Workspace => {
    const inner = createPrefixedWorkspace(outgoing, definition.prefix);
    const isMneme = definition.id === MNEME_TREE && deps.mneme != null;
    return isMneme ? createMnemeTreeWorkspace(inner, deps.mneme, deps.clock) : inner;
  };
  const workspace = createFirstApplyWorkspace(claude?.workspace ?? prefixed(), firstApplyNote(replica, writer));
  return {
    definition,
    workspace,
    firstApply: workspace.firstApply,
    outgoing,
    consents: claude?.consents ?? null,
    health: { problem: null },
    projects: claude?.projects ?? null,
    forms: claude?.forms ?? null,
    begin: () => inner.begin(),
    async close() {
      await inner.close();
      claude?.consents.book.close();
      await claude?.projects?.close();
    },
    source: createFileTreeSource({
      files,
      workspace,
      rules: rulesOf(definition),
      clock: deps.clock,
      log: deps.log,
      // Whatever else the decorators of the Claude home change, be it a session's name here, they write views with it.
      seen: inner.kept,
    }),
  };
}

/** The same names are asked for with every line that a transcript grows by, and each answer takes a dozen patterns. Whoever asks for more asks for each once. */
const NAMES_KEPT = 256;

/** Kinds of files that programs write line by line. */
const WHOLE_LINES = new Set(['jsonl', 'transcript', 'history', 'mneme-log']);

function rulesOf(definition: TreeDefinition): TreeRules {
  // What is recognised by its place is so in the Claude home alone.
  const kindRules = definition.prefix === '' ? DEFAULT_RULES : DEFAULT_RULES.filter((rule) => !('pattern' in rule));
  const kinds = createKindRegistry();
  const kindOf = (id: string) => kinds.get(id);
  const isCarried = recalling((name) => carries(definition, name), NAMES_KEPT);
  const usual = recalling((name) => classify(name, kindRules), NAMES_KEPT);
  return {
    classify(name) {
      if (!isCarried(name)) return null;
      const kind = definition.kindOf === undefined ? usual(name) : definition.kindOf(name);
      return kind === null ? null : { kind };
    },
    enters: recalling((folder) => mayEnter(definition, folder), NAMES_KEPT),
    ...(definition.inventory === undefined ? {} : { follows: mayBeUsersLink }),
    appends: (kind) => kindOf(kind)?.appends ?? false,
    deletable: (kind) => kindOf(kind)?.deletable ?? true,
    mayBeEmpty: definition.mayBeEmpty === true,
    modifiedAt: (kind, end, now) => (kind === transcriptKind.id ? shownTime(end, now) : null),
    groupOf: (name) => groupOf(definition, name),
    wholeLines: (kind) => WHOLE_LINES.has(kind),
  };
}

/** What a mass deletion is judged by in the Claude home. An update of a plugin replaces most of its files, as it should. */
function groupOf({ inventory }: TreeDefinition, name: string): string | null {
  if (inventory === undefined) return null;
  const located = locate(name, inventory);
  return located.type === 'carried' && located.row.category !== 'plugins' ? located.row.category : null;
}

/** Whether a definition carries a name (NFC, relative to its root). */
export function carries(definition: TreeDefinition, name: string): boolean {
  const { inventory, include, exclude } = definition;
  if (inventory !== undefined) return locate(name, inventory).type === 'carried';
  return include.some((pattern) => matchPattern(pattern, name)) && !exclude.some((pattern) => matchPattern(pattern, name));
}

/** The same, but for what something else carries now. */
export function carriesNow(definition: TreeDefinition, name: string): boolean {
  return carries(definition, name) && definition.kindOf?.(name) !== null;
}

/** False for a folder in which nothing is carried. */
export function mayEnter(definition: TreeDefinition, folder: string): boolean {
  const { inventory, include, exclude } = definition;
  if (inventory !== undefined) return mayHoldCarried(folder, inventory);
  const isExcluded = exclude.some((pattern) => pattern.endsWith('**') && matchPattern(pattern, `${folder}/x`));
  return !isExcluded && include.some((pattern) => mayMatchBelow(pattern, folder));
}
