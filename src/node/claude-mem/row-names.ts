import { itemKey, type Item } from '../../core/item.ts';
import type { Replica } from '../../core/replica/replica.ts';
import { claudeMemKind } from '../../kinds/claude-mem/claude-mem-kind.ts';
import type { RowNames } from '../../sources/claude-mem/project-scope.ts';

export interface KeptRowNames extends RowNames {
  close(): void;
}

/** Which rows of claude-mem a space has, drafts included. Read when first asked for, then kept up to date. Some 100 bytes a row. */
export function createRowNames(replica: Replica, space: string): KeptRowNames {
  const names = new Set<string>();
  let changed: Map<string, Item> | null = null;
  let version = 1;
  const close = replica.onChange((items) => {
    for (const item of items) if (item.kind === claudeMemKind.id) changed?.set(itemKey(item), item);
  });
  return {
    space,
    get size() {
      return names.size;
    },
    has: (name) => names.has(name),
    async refresh() {
      if (changed === null) {
        changed = new Map();
        for (const { item, content } of await replica.exclusive(() => replica.list({ kind: claudeMemKind.id })))
          if (content !== null) names.add(item.name);
        return version;
      }
      const items = [...changed.values()];
      if (items.length === 0) return version;
      changed.clear();
      const states = await replica.exclusive(() => replica.visible(items));
      const before = names.size;
      let went = false;
      for (const item of items) {
        if ((states.get(itemKey(item))?.content ?? null) !== null) names.add(item.name);
        else went = names.delete(item.name) || went;
      }
      if (went || names.size !== before) version += 1;
      return version;
    },
    close,
  };
}
