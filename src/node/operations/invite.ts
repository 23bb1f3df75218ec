import { z } from 'zod';
import { MNEME_PREFIX } from '../../kinds/mneme/names.ts';
import { NotAllowed } from '../../core/replica/administer.ts';
import { isOwner } from '../../core/log/membership.ts';
import { findSpace } from '../find-space.ts';
import { revocationOf } from '../revocation.ts';
import { isLoopback } from '../../gateways/native/guard.ts';
import { spaceField } from './fields.ts';
import { defineOperation, OperationFailure } from './operation.ts';

export interface InviteResult {
  /** Single use, until `expires_at`. */
  readonly link: string;
  /** The same invitation for typing, with the address. */
  readonly words: string;
  readonly address: string;
  readonly expires_at: string;
  readonly invites: 'space' | 'hub';
  /** The remote is reachable on this machine only. */
  readonly only_here: boolean;
}

const MINUTE = 60_000;

export const inviteOperation = defineOperation({
  input: z.strictObject({
    space: spaceField.optional(),
    role: z.enum(['reader', 'writer', 'owner']).default('owner'),
    minutes: z
      .number()
      .min(0.05)
      .max(7 * 24 * 60)
      .default(10),
    hub: z.boolean().default(false),
  }),
  async run(node, input): Promise<InviteResult> {
    // What a hub keeps for mneme's clients is nobody's to be invited to.
    const hasOwn = [...node.spaces.values()].some(({ entry }) => !entry.name.startsWith(MNEME_PREFIX));
    const toHub = input.hub || (node.config.hub && input.space === undefined && !hasOwn);
    const open = toHub ? null : findSpace(node, input.space);
    const revoked = open === null ? null : await revocationOf(node, open);
    if (revoked !== null)
      throw new OperationFailure(
        'refused',
        'revoked',
        `this machine was revoked by ${revoked.by}: it cannot invite`,
        'Invite on a machine that takes part: satchel invite',
      );
    if (open !== null && !isOwner(open.replica.membership, node.deps.machine.key.machine)) {
      throw new OperationFailure(
        'refused',
        'not-owner',
        'only an owner of the space may invite',
        'Ask one of its owners: satchel machines',
      );
    }
    try {
      const made = await node.invitations.invite({ space: open?.entry.space ?? null, role: input.role, lifetime: input.minutes * MINUTE });
      const { address } = made.remote;
      return {
        link: made.link,
        words: made.words,
        address,
        expires_at: new Date(made.expires).toISOString(),
        invites: toHub ? 'hub' : 'space',
        only_here: address.startsWith('http') && isLoopback(new URL(address).hostname),
      };
    } catch (error) {
      if (error instanceof NotAllowed) throw new OperationFailure('refused', 'not-allowed', error.message);
      throw error;
    }
  },
});
