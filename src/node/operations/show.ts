import { z } from 'zod';
import { findSpace } from '../find-space.ts';
import { machineNames } from '../machine-names.ts';
import { findFound, type FoundItem } from '../recall/find-found.ts';
import { passageByNumber } from '../recall/passage-text.ts';
import { createRecordAuthors } from '../record-author.ts';
import { bodyHere, textOf } from './body-here.ts';
import { revisionField, spaceField } from './fields.ts';
import { defineOperation, OperationFailure } from './operation.ts';
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
  /** Projects without a place on this machine, whose lines the body is without. */
  readonly placeless: readonly string[];
  /** The number of the passage that was asked for, and that the body is; `null`: it is the whole item. */
  readonly passage: number | null;
  /** Who wrote this version, and when (ISO 8601; `null`: not known, or not sent yet). */
  readonly machine: string;
  readonly time: string | null;
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
    const found = input.item === undefined || input.revision !== undefined ? null : await findFound(node, input.space, input.item);
    const open = found?.open ?? findSpace(node, input.space);
    const version = await versionAt(node, open, found === null ? input.item : `${found.item.kind}:${found.item.name}`, input.revision);
    const { machine, time } = await createRecordAuthors(node, open, await machineNames(node, open))(version.position);
    const described = { item: version.item.name, kind: version.item.kind, revision: version.revision, machine, time };
    if (found !== null && found.number !== null) return { ...described, ...(await passageOf(found, found.number)) };
    const here = await bodyHere(open, version, input.raw);
    const { body, leftOut, placeless } = here ?? { body: new Uint8Array(0), leftOut: [], placeless: [] };
    const text = textOf(body);
    return {
      ...described,
      deleted: version.content === null,
      size: body.length,
      mode: typeof version.content?.attributes['mode'] === 'number' ? version.content.attributes['mode'] : null,
      body: text ?? Buffer.from(body).toString('base64'),
      encoding: text === null ? 'base64' : 'utf8',
      left_out: leftOut,
      placeless,
      passage: null,
    };
  },
});

/** One message of a session. */
async function passageOf({ open, item }: FoundItem, number: number) {
  const passage = await passageByNumber(open, item, number);
  if (passage === null) throw new OperationFailure('usage', 'no-such-id', `${item.name} has no passage ${number}`, 'Run: satchel search');
  const body = passage.title === '' ? passage.text : `${passage.title}\n\n${passage.text}`;
  const size = Buffer.byteLength(body);
  return { deleted: false, size, mode: null, body, encoding: 'utf8', left_out: [], placeless: [], passage: number } as const;
}
