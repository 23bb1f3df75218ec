import { statfs } from 'node:fs/promises';
import { checkBucket } from '../doctor/bucket-checks.ts';
import { checkDatabase } from '../doctor/database-checks.ts';
import type { Check } from '../doctor/check.ts';
import { checkSessions } from '../doctor/session-checks.ts';
import { checkPending, checkSecrets } from '../doctor/answer-checks.ts';
import { checkClaudeHome } from '../doctor/claude-checks.ts';
import { checkClaudeMem, checkGatewayDevices } from '../doctor/claude-mem-checks.ts';
import { checkMneme } from '../doctor/mneme-checks.ts';
import { checkRoom } from '../doctor/disk-room.ts';
import { checkRows } from '../doctor/row-checks.ts';
import { checkSource } from '../doctor/source-checks.ts';
import { checkSpace } from '../doctor/space-checks.ts';
import { lacksKey } from '../missing-key.ts';
import type { SatchelNode } from '../node.ts';
import { noInput } from './no-input.ts';
import { defineOperation } from './operation.ts';

/** What only the node can tell: spaces, remotes, sources. Read-only, except that remotes are asked. */
export const doctorOperation = defineOperation({
  input: noInput,
  async run(node, _input, { progress }): Promise<{ readonly checks: readonly Check[]; readonly live: boolean }> {
    const checks: Check[] = [];
    const all = [...node.spaces.values()];
    for (const [index, open] of all.entries()) {
      progress(index, all.length, 'spaces');
      checks.push(...(await checkSpace(node, open)));
      // What cannot be opened is what there is to say: nothing else can be looked into.
      if (lacksKey(open)) continue;
      checks.push(await checkSecrets(open));
      checks.push(...(await checkSessions(open)));
      for (const source of open.sources)
        checks.push(...(await checkSource(node, open, source)), ...(await checkClaudeHome(node, open, source)));
      for (const rows of open.rows) checks.push(...(await checkRows(node, rows)));
    }
    checks.push(...(await checkDatabase(node)), ...(await checkBucket(node)), ...(await checkTaking(node)));
    checks.push(...(await checkClaudeMem(node)), ...(await checkGatewayDevices(node)));
    checks.push(...(await checkMneme(node)));
    checks.push(await checkPending(node));
    return { checks, live: node.isLive };
  },
});

/** What was refused to others for want of room is known to the node that runs. */
async function checkTaking({ config, home, room, isLive }: SatchelNode): Promise<Check[]> {
  if (!isLive || !config.hub) return [];
  await room.look();
  if (room.problem === null) return [];
  const { bavail, bsize } = await statfs(home.root);
  return [checkRoom(home.root, bavail * bsize, room.problem)];
}
