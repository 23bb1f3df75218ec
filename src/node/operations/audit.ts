import { z } from 'zod';
import type { MachineId } from '../../core/ids.ts';
import { controlHistory, type ControlEvent } from '../../core/log/control-history.ts';
import { openText } from '../../core/replica/sealed-text.ts';
import { findSpace } from '../find-space.ts';
import { parseDescriptor } from '../move-space.ts';
import type { OpenSpace, SatchelNode } from '../node.ts';
import { recordTime, timeBefore } from '../record-times.ts';
import { spaceField } from './fields.ts';
import { defineOperation } from './operation.ts';
import { machineNames } from '../machine-names.ts';

export interface AuditEntry {
  readonly position: number;
  readonly term: number;
  /** `commit` for a void commit; `unreadable` for a void control record of no known form. */
  readonly op: string;
  readonly by: string;
  readonly by_id: string;
  readonly what: string;
  /** By when it was in the log, as the next commit's author says; clocks prove nothing. */
  readonly known_by: string | null;
  /** When the newest commit before it was made, as its author says: it came behind that. */
  readonly known_after: string | null;
  /** Why the record is without effect; `null` where it has one. */
  readonly void: string | null;
}

export interface AuditResult {
  readonly space: string;
  readonly name: string;
  readonly entries: readonly AuditEntry[];
}

/** Everything that changed who may do what, and every record that broke the rule. O(control records + void records). */
export const auditOperation = defineOperation({
  input: z.strictObject({ space: spaceField.optional() }),
  async run(node, { space }): Promise<AuditResult> {
    const open = findSpace(node, space);
    const { space: id, name } = open.entry;
    const { controls, voids } = await node.store.read(async (tx) => ({
      controls: await tx.logs.controls(id, 0),
      voids: await tx.documents.list<{ reason: string; signer: MachineId }>(`voids/${id}`),
    }));
    const names = await machineNames(node, open);
    const nameOf = (machine: MachineId): string =>
      names.get(machine) ?? (machine === open.replica.membership.recovery.signer ? 'the recovery key' : machine.slice(0, 12));
    const entries: AuditEntry[] = [];
    for (const event of controlHistory(controls)) {
      const { header } = event.record;
      entries.push({
        position: header.position,
        term: header.term,
        op: event.payload?.op ?? 'unreadable',
        by: recoverySignerOf(event) === header.signer ? 'the recovery key' : nameOf(header.signer),
        by_id: header.signer,
        what: await describe(node, open, event, nameOf),
        known_by: await recordTime(node, open, header.position),
        known_after: await timeBefore(node, open, header.position),
        void: event.reason,
      });
    }
    const seen = new Set(entries.map((entry) => entry.position));
    for (const { id: position, value } of voids) {
      if (seen.has(Number(position))) continue;
      entries.push({
        position: Number(position),
        term: termAt(entries, Number(position)),
        op: 'commit',
        by: nameOf(value.signer),
        by_id: value.signer,
        what: 'a commit without effect',
        known_by: await recordTime(node, open, Number(position)),
        known_after: await timeBefore(node, open, Number(position)),
        void: value.reason,
      });
    }
    return { space: id, name, entries: entries.sort((a, b) => a.position - b.position) };
  },
});

function recoverySignerOf({ before, after }: ControlEvent): MachineId {
  return (before ?? after).recovery.signer;
}

function termAt(entries: readonly AuditEntry[], position: number): number {
  return entries.findLast((entry) => entry.position < position && entry.void === null)?.term ?? 0;
}

async function describe(
  node: SatchelNode,
  open: OpenSpace,
  { payload, before }: ControlEvent,
  nameOf: (m: MachineId) => string,
): Promise<string> {
  if (payload === null) return 'a control record of no known form';
  const text = async (sealed: Uint8Array): Promise<string> =>
    (open.replica.canWrite ? await openText(sealed, open.entry.space, open.replica.keys, node.deps.compression) : null) ?? '(sealed)';
  switch (payload.op) {
    case 'genesis':
      return `made this ${payload.mode} space`;
    case 'member': {
      const { machine, role, sealedName } = payload.member;
      const known = before?.members.get(machine);
      if (known === undefined) return `added ${await text(sealedName)} as ${role}`;
      if (known.role !== role) return `changed ${await text(sealedName)} from ${known.role} to ${role}`;
      const [was, is] = [await text(known.sealedName), await text(sealedName)];
      return was === is ? `handed ${is} the keys again` : `renamed ${was} to ${is}`;
    }
    case 'epoch': {
      const removed = payload.removed.map(nameOf);
      return removed.length === 0
        ? `began key epoch ${payload.epoch.number}`
        : `revoked ${removed.join(', ')}; key epoch ${payload.epoch.number} began`;
    }
    case 'recovery':
      return 'replaced the recovery key';
    case 'move':
      return `moved the log to ${parseDescriptor(await text(payload.sealedRemote))?.address ?? '(sealed)'}, term ${payload.term}`;
    case 'prune':
      return `pruned ${payload.objects.length} objects of superseded bodies`;
    case 'erase':
      return `erased ${payload.objects.length} objects: ${await text(payload.sealedReason)}`;
    case 'grant':
      return `${payload.revoked ? 'withdrew the export to' : 'allowed the export to'} ${await text(payload.sealedSink)}`;
    case 'features':
      return `requires ${payload.features.join(', ')}`;
  }
}
