import { z } from 'zod';
import { SHELVES, type PassageFilter, type TextIndex } from '../../core/ports/text-index.ts';
import type { SatchelNode } from '../node.ts';
import { memoriesNotSearched } from '../claude-mem/not-searched.ts';
import { describeAll, type Found } from '../recall/describe-found.ts';
import { shortProject } from '../../kinds/claude-home/short-project.ts';
import { machinesCalled, namesBySpace, projectsCalled } from '../recall/name-filter.ts';
import { parseQuery } from '../recall/parse-query.ts';
import { withWordsAlike } from '../recall/words-alike.ts';
import { nothingToSearch, useIndex } from '../recall/use-index.ts';
import { defineOperation, OperationFailure } from './operation.ts';

export interface SearchResult {
  readonly hits: readonly (Found & {
    /** Of the same item, or session, so many passages match. */
    readonly passages: number;
  })[];
  /** How many match, listed or not. */
  readonly total: number;
  /** `some`: nothing holds all words, these hold some. */
  readonly match: 'all' | 'some';
  /** Items whose text cannot be had now. */
  readonly unsearched: number;
  /** What may be wrong with the question. */
  readonly hints: readonly string[];
}

const time = z.number().int().min(-8.64e15).max(8.64e15);

export const searchOperation = defineOperation({
  input: z.strictObject({
    /** Words that all occur, and "phrases"; none: the newest. */
    query: z.string().max(8192).default(''),
    project: z.string().min(1).max(4096).optional(),
    type: z.string().min(1).max(128).optional(),
    machine: z.string().min(1).max(128).optional(),
    /** Inclusive and exclusive, milliseconds since 1970. */
    since: time.optional(),
    until: time.optional(),
    kind: z.enum(SHELVES).optional(),
    limit: z.number().int().min(1).max(1_000).default(10),
  }),
  async run(node, input, context): Promise<SearchResult> {
    const terms = parseQuery(input.query);
    if (!terms.ok)
      throw new OperationFailure('usage', 'bad-search', `this cannot be searched for: ${terms.error}`, 'Run: satchel search --help');
    const machines = input.machine === undefined ? undefined : machinesCalled(await namesBySpace(node), input.machine);
    return useIndex(node, context, async (index, unsearched) => {
      const { filter, hints } = await filterOf(node, index, input);
      const options = { filter: machines === undefined ? filter : { ...filter, machines }, limit: input.limit };
      let match: SearchResult['match'] = 'all';
      let found = await index.search(terms.value, { match, ...options });
      const alike = found.total > 0 ? terms.value : await withWordsAlike(index, terms.value);
      if (alike !== terms.value) found = await index.search(alike, { match, ...options });
      if (found.total === 0 && terms.value.length > 1) {
        const some = await index.search(alike, { match: 'some', ...options });
        if (some.total > 0) [found, match] = [some, 'some'];
      }
      const described = await describeAll(node, found.hits, alike);
      const hits = described.map(({ passage, found: hit }) => ({ ...hit, passages: passage.passages }));
      const nothing = nothingToSearch(node);
      const mayBeElsewhere = found.total === 0 && (input.kind === undefined || input.kind === 'memories');
      if (mayBeElsewhere) hints.push(...(await memoriesNotSearched(node)));
      return { hits, total: found.total, match, unsearched, hints: nothing === null ? hints : [nothing] };
    });
  },
});

interface Asked {
  readonly project?: string | undefined;
  readonly type?: string | undefined;
  readonly kind?: (typeof SHELVES)[number] | undefined;
  readonly since?: number | undefined;
  readonly until?: number | undefined;
}

async function filterOf(node: SatchelNode, index: TextIndex, asked: Asked): Promise<{ filter: PassageFilter; hints: string[] }> {
  const hints: string[] = [];
  const filter: { -readonly [K in keyof PassageFilter]: PassageFilter[K] } = {};
  if (asked.kind !== undefined) filter.shelves = [asked.kind];
  if (asked.since !== undefined) filter.since = asked.since;
  if (asked.until !== undefined) filter.until = asked.until;
  if (asked.type !== undefined) {
    const known = await index.values('type');
    filter.types = [asked.type.toLowerCase()];
    if (!known.has(asked.type.toLowerCase())) hints.push(`There is no type ${asked.type}. There is: ${first(known.keys())}`);
  }
  if (asked.project !== undefined) {
    const known = await index.values('project');
    filter.projects = await projectsCalled(node, known.keys(), asked.project);
    if (filter.projects.length === 0)
      hints.push(`There is no project ${asked.project}. There is: ${first([...known.keys()].map((id) => shortProject(id)))}`);
  }
  return { filter, hints };
}

const NAMED = 10;

function first(values: Iterable<string>): string {
  const all = [...new Set(values)];
  return all.length === 0 ? 'none yet' : `${all.slice(0, NAMED).join(', ')}${all.length > NAMED ? ', …' : ''}`;
}
