import { existsSync } from 'node:fs';
import path from 'node:path';
import { findAilments } from '../claude-mem/find-ailments.ts';
import type { SatchelNode } from '../node.ts';
import { failed, passed, some, warned, type Check } from './check.ts';

/** What wedges claude-mem on this machine. Changes nothing; `satchel claude-mem repair` does. Nothing where it is not used. O(its database). */
export async function checkClaudeMem(node: SatchelNode): Promise<Check[]> {
  const { claudeMemHome } = node.config.environment;
  if (node.config.hub || node.config.claude.categories['claude-mem'] === false || !existsSync(claudeMemHome)) return [];
  const ailments = await findAilments(node);
  if (ailments.length === 0)
    return existsSync(path.join(claudeMemHome, 'claude-mem.db'))
      ? [passed('claude-mem', 'claude-mem’s database and its own queues are in order')]
      : [];
  return ailments.map(({ id, result, severity, reason, evidence, repair, advice, isToBeNamed = false }) =>
    (result === 'fail' ? failed : warned)(
      `claude-mem.${id}`,
      severity,
      reason,
      repair === null || isToBeNamed ? advice : `What a repair would do: satchel claude-mem repair ${id}`,
      some(evidence),
    ),
  );
}

/** A worker that is refused tries again within ten minutes. One that does not, since it got another id or syncs elsewhere, is refused nothing. */
const REFUSED_MS = 3_600_000;

/** Devices of this node's claude-mem gateway whose pushes are refused, or that two machines are. */
export async function checkGatewayDevices(node: SatchelNode): Promise<Check[]> {
  const clients = node.claudeMemClients;
  const checks: Check[] = [];
  for (const user of new Set((await clients.tokens()).map((token) => token.user))) {
    const refusals = await clients.refusals(user);
    for (const { id, name, names = [], switches = 0 } of await clients.devices(user)) {
      const noted = refusals.get(id);
      const refused = noted !== undefined && node.deps.clock.now() - (noted.last ?? noted.since) < REFUSED_MS ? noted : undefined;
      const shared = switches > 1;
      if (refused === undefined && !shared) continue;
      checks.push(
        warned(
          `claude-mem.gateway:${user}/${name ?? id}`,
          'high',
          shared ? `two machines of ${user} sync as one device: settings were copied` : `what ${user}’s claude-mem pushes is refused`,
          'On that machine: satchel doctor, then satchel claude-mem repair',
          [
            ...(shared ? [`the device was heard as ${names.join(', ')}`] : []),
            ...(refused === undefined ? [] : [`since ${new Date(refused.since).toISOString()}: ${refused.reason}`]),
          ],
        ),
      );
    }
  }
  return checks;
}
