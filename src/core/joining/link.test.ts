import { describe, expect, it } from 'vitest';
import type { SpaceId } from '../ids.ts';
import { formatJoinLink, parseJoinLink } from './link.ts';

describe('parseJoinLink', () => {
  const link = formatJoinLink({
    remote: { address: 'http://pi.lan:4600' },
    secret: new Uint8Array(16).fill(7),
    invites: 'hub',
    space: null as SpaceId | null,
    inviter: null,
    head: null,
  });

  it.each(['%', '"%"', "'%'", "%'", '‘%’', '%.', ' <%>,\n', '`%`'])('takes a link as it was pasted: %s', (form) => {
    expect(parseJoinLink(form.replace('%', link))).toEqual(parseJoinLink(link));
    expect(parseJoinLink(form.replace('%', link)).ok).toBe(true);
  });

  it('takes none of which something is missing, or with something in it', () => {
    expect(parseJoinLink(link.slice(0, -1)).ok).toBe(false);
    expect(parseJoinLink(`${link.slice(0, -4)}'${link.slice(-4)}`).ok).toBe(false);
  });
});
