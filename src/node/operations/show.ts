import { z } from 'zod';
import { findSpace } from '../find-space.ts';
import { bodyHere, textOf } from './body-here.ts';
import { revisionField, spaceField } from './fields.ts';
import { defineOperation } from './operation.ts';
import { versionAt } from './versions.ts';

export interface ShowResult {
  readonly item: string;
  readonly kind: string;
  /** `null` for what only a draft holds. */
  readonly revision: string | null;
  readonly deleted: boolean;
  readonly size: number;
  readonly mode: number | null;
  /** UTF-8 text, or base64 where it is none. */
  readonly body: string;
  readonly encoding: 'utf8' | 'base64';
  /** JSON pointers to secrets, which stay where they were written: the body is without them. */
  readonly left_out: readonly string[];
}

export const showOperation = defineOperation({
  input: z.strictObject({
    space: spaceField.optional(),
    item: z.string().max(2048).optional(),
    revision: revisionField.optional(),
    /** As the space holds it, for all machines. */
    raw: z.boolean().default(false),
  }),
  async run(node, input): Promise<ShowResult> {
    const open = findSpace(node, input.space);
    const version = await versionAt(node, open, input.item, input.revision);
    const { body, leftOut } = (await bodyHere(open, version, input.raw)) ?? { body: new Uint8Array(0), leftOut: [] };
    const text = textOf(body);
    return {
      item: version.item.name,
      kind: version.item.kind,
      revision: version.revision,
      deleted: version.content === null,
      size: body.length,
      mode: typeof version.content?.attributes['mode'] === 'number' ? version.content.attributes['mode'] : null,
      body: text ?? Buffer.from(body).toString('base64'),
      encoding: text === null ? 'base64' : 'utf8',
      left_out: leftOut,
    };
  },
});
