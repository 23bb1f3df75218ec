import { describe, expect, it } from 'vitest';
import { parseItem } from '../../core/item.ts';
import { contentHash } from './content-hash.ts';
import { observationName, promptName, sessionGroup, sessionName, summaryName, tableOfName, toolUseName, twinName } from './names.ts';

const ID = '1b4e28ba-2fa1-41d2-883f-0016d3cca427';
const session = sessionName({ platform: 'claude', contentSessionId: ID });
const observation = { title: 'a', narrative: 'b', text: null, createdAtEpoch: 1 };

describe('names of rows', () => {
  it('say which session they are of', () => {
    expect(session).toBe(`claude-mem/sessions/claude/${ID}`);
    expect(sessionGroup(observationName(session, observation))).toBe(`claude/${ID}`);
    expect(sessionGroup(promptName({ contentSessionId: ID, promptNumber: 1, createdAtEpoch: 2 }))).toBeNull();
    expect(tableOfName(summaryName(session, { request: null, createdAtEpoch: 3 }))).toBe('summaries');
    expect(tableOfName('projects/claude-mem/sessions/x')).toBeNull();
    expect(tableOfName('claude-mem/others/x')).toBeNull();
  });

  it('tell observations by title and narrative, and by text and time where both are missing', () => {
    const name = observationName(session, observation);
    expect(observationName(session, { ...observation, text: 'other', createdAtEpoch: 9 })).toBe(name);
    expect(observationName(session, { ...observation, narrative: 'c' })).not.toBe(name);
    expect(observationName(session, { ...observation, title: 'ab', narrative: '' })).not.toBe(name);
    const old = { title: null, narrative: null, text: 'x', createdAtEpoch: 1 };
    expect(observationName(session, { ...old, text: 'y' })).not.toBe(observationName(session, old));
    expect(observationName(session, { ...old, createdAtEpoch: 2 })).not.toBe(observationName(session, old));
  });

  it('stand whatever a program takes for an id', () => {
    for (const odd of ['', '..', '.', 'a/b', 'C:\\x', 'é', 'e\u0301', '\u0000', 'x'.repeat(5_000), '\ud800']) {
      const names = [
        sessionName({ platform: odd, contentSessionId: odd }),
        toolUseName({ contentSessionId: odd, toolUseId: odd }),
        twinName(sessionName({ platform: 'claude', contentSessionId: odd }), Buffer.from('{}')),
      ];
      for (const name of names) expect(parseItem('claude-mem', name)).toMatchObject({ ok: true });
    }
  });
});

it('computes the content hash of claude-mem', () => {
  // printf 'm\0t\0n' | sha256sum
  expect(contentHash('m', 't', 'n')).toBe('e04cfd6cca1e2a0c');
  expect(contentHash('m', null, null)).toHaveLength(16);
});
