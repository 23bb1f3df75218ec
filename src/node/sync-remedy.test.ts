import { describe, expect, it } from 'vitest';
import { toRemoteError } from '../remotes/hub/http-exchange.ts';
import { heldRemedy } from './held-remedy.ts';
import { syncRemedy } from './sync-remedy.ts';

const refused = (code: string): string => toRemoteError(Object.assign(new Error(code), { code }), new URL('http://pi:4600')).message;

describe('what to do where a machine does not sync', () => {
  it('says to start the node where none runs, and never to try again', () => {
    const said = syncRemedy('unreachable', refused('ECONNREFUSED'));
    expect(said).toContain('Start it there (satchel up');
    expect(said).not.toContain('satchel sync');
    expect(syncRemedy('unreachable', refused('ENOTFOUND'))).toContain('satchel sync');
  });

  it('says how an authority of one’s own is made known', () => {
    for (const code of ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'SELF_SIGNED_CERT_IN_CHAIN'])
      expect(refused(code)).toContain('NODE_EXTRA_CA_CERTS=FILE');
  });

  it('leads to the answer that is asked for, not around in a circle', () => {
    expect(heldRemedy('mass-deletion')).toContain('satchel pending');
    expect(heldRemedy('root-missing')).toContain('satchel pending');
    expect(heldRemedy('older-state')).toContain('satchel pending');
    expect(heldRemedy('disk-full')).not.toContain('satchel');
    expect(heldRemedy('failed')).toBe('Run: satchel doctor');
  });
});
