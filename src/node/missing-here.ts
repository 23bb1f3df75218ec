import path from 'node:path';
import { BodyUnavailable } from '../core/replica/workspace.ts';
import { itemKey } from '../core/item.ts';
import { missingValues, type MissingValues } from '../kinds/claude-home/missing-values.ts';
import type { FormState } from '../sources/claude-home/form-deps.ts';
import { lacksKey } from './missing-key.ts';
import type { OpenSpace, SatchelNode } from './node.ts';
import type { TreeSource } from './tree-sources.ts';

/** Secret values that this machine has none for, and the file of this machine to write them into. */
export interface MissingHere extends MissingValues {
  readonly file: string;
  /** It waits for an answer, and would be so after a yes. */
  readonly waiting: boolean;
}

/** Of all sources of this node. Reads the bodies of items with a form. */
export async function missingEverywhere(node: SatchelNode): Promise<MissingHere[]> {
  const found: MissingHere[] = [];
  for (const open of node.spaces.values()) {
    if ((await open.replica.head()) === null || lacksKey(open)) continue;
    for (const source of open.sources) found.push(...(await missingHere(node, open, source, (await source.forms?.inspect()) ?? [])));
  }
  return found;
}

export async function missingHere(
  node: SatchelNode,
  { replica }: OpenSpace,
  { definition }: TreeSource,
  states: readonly FormState[],
): Promise<MissingHere[]> {
  const { userHome, claudeHome } = node.config.environment;
  const found: MissingHere[] = [];
  for (const { item, needs, held } of states) {
    if (needs.length === 0) continue;
    const named = { ...item, name: definition.prefix + item.name };
    const content = (await replica.visible([named])).get(itemKey(named))?.content ?? null;
    if (content === null) continue;
    try {
      const full = JSON.parse(new TextDecoder().decode(await replica.bodies.read(content))) as unknown;
      const missing = missingValues(item.name, full, needs, { home: userHome, claudeHome });
      const isHeld = (pointer: string): boolean => held.some((part) => part.pointer === pointer);
      const file = path.join(definition.root, item.name);
      found.push(...missing.map((each) => ({ ...each, file, waiting: isHeld(each.pointer) })));
    } catch (error) {
      // What cannot be had or read now is said elsewhere.
      if (!(error instanceof BodyUnavailable) && !(error instanceof SyntaxError)) throw error;
    }
  }
  return found;
}
