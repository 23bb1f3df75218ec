import { counted } from '../node/counted.ts';

/** What a person who left a node running on a terminal would want to be told of. */
export interface NodeState {
  readonly spaces: readonly {
    readonly space: string;
    readonly name: string;
    /** The other machines that take part: id → name. */
    readonly machines: ReadonlyMap<string, string>;
  }[];
  readonly conflicts: number;
  /** Things that wait for an answer. */
  readonly pending: number;
}

type Kind = 'joined' | 'conflicts' | 'pending';

/** Milliseconds between two lines of one kind. */
const PAUSE = 60_000;

/**
 * Says what is new since `first`, a line a kind at most, and of each kind nothing more within a minute: what came meanwhile is
 * said then, in one line. `now`: milliseconds, never less than before.
 */
export function createNodeNews(first: NodeState): (state: NodeState, now: number) => string[] {
  const known = new Map<string, Set<string>>();
  const said = new Map<Kind, number>();
  let { conflicts, pending } = first;
  const mayBeSaid = (kind: Kind, now: number): boolean => now - (said.get(kind) ?? -PAUSE) >= PAUSE;

  /** Of a space that was not there before, everybody was there before us. */
  function joined({ spaces }: NodeState, now: number): string | null {
    const lines: string[] = [];
    for (const { space, name, machines } of spaces) {
      const before = known.get(space);
      const fresh = before === undefined ? [] : [...machines].filter(([id]) => !before.has(id));
      if (fresh.length > 0 && !mayBeSaid('joined', now)) return null;
      known.set(space, new Set([...(before ?? []), ...machines.keys()]));
      if (fresh.length > 0) lines.push(`${fresh.map(([, machine]) => machine).join(', ')} joined ${name}`);
    }
    return lines.length === 0 ? null : `${lines.join('; ')}. See: satchel machines`;
  }

  joined(first, 0);
  return (state, now) => {
    const lines: string[] = [];
    const say = (kind: Kind, line: string): void => {
      said.set(kind, now);
      lines.push(line);
    };
    const who = joined(state, now);
    if (who !== null) say('joined', who);
    if (state.conflicts <= conflicts) conflicts = state.conflicts;
    else if (mayBeSaid('conflicts', now)) {
      const more = state.conflicts - conflicts;
      say('conflicts', `${counted(more, 'conflict')} came up. See: satchel conflicts`);
      conflicts = state.conflicts;
    }
    if (state.pending <= pending) pending = state.pending;
    else if (mayBeSaid('pending', now)) {
      say('pending', `${counted(state.pending, 'thing waits', 'things wait')} for your answer. Run: satchel pending`);
      pending = state.pending;
    }
    return lines;
  };
}
