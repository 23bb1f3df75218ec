import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { MnemeClientDouble } from './mneme-client.ts';
import { startSmallMneme } from './mneme-small.ts';

const HOUR = 3_600_000;
const TTL = 1_800_000;
const PROJECT = '-home-me-app';

type Act =
  | { readonly what: 'begin' | 'end'; readonly machine: number; readonly session: number }
  | { readonly what: 'log' | 'remember' | 'forget' | 'mention' | 'decide'; readonly machine: number; readonly pick: number }
  | { readonly what: 'wait'; readonly ms: number }
  | { readonly what: 'restart' };

/** One is used more than the others: sessions that overlap on it are what is hard. */
const machine = fc.constantFrom(0, 0, 0, 1, 1, 2);
const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ what: fc.constantFrom('begin' as const, 'end' as const), machine, session: fc.nat(1) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      what: fc.constantFrom(
        'log' as const,
        'remember' as const,
        'remember' as const,
        'forget' as const,
        'mention' as const,
        'decide' as const,
      ),
      machine,
      pick: fc.nat(50),
    }),
  },
  { weight: 3, arbitrary: fc.record({ what: fc.constant('wait' as const), ms: fc.constantFrom(1_000, TTL / 2, TTL + 1) }) },
  { weight: 1, arbitrary: fc.constant({ what: 'restart' as const }) },
);

it('three machines with clocks an hour apart, two sessions each, locked out at random and longer than the lock: all that was written and not removed is everywhere', async () => {
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(act, { minLength: 40, maxLength: 120, size: 'max' }), async (acts) => {
      const server = await startSmallMneme(`machines-${(run += 1)}`, TTL);
      try {
        const machines = await Promise.all(
          [-HOUR, 0, HOUR].map(async (skew, index) => {
            const { token } = await server.tokens.add(`m${index}`, { projects: null });
            return new MnemeClientDouble(server, PROJECT, { id: `m${index}`, key: token, now: () => server.clock.now() + skew });
          }),
        );
        const running = machines.map(() => [false, false]);
        const written = {
          facts: new Set<string>(),
          lines: new Set<string>(),
          mentions: new Map<string, number>(),
          decisions: new Set<string>(),
        };
        let count = 0;

        for (const each of acts) {
          server.clock.advance(1_000);
          if (each.what === 'wait') server.clock.advance(each.ms);
          else if (each.what === 'restart') await server.restart();
          else if (each.what === 'begin' || each.what === 'end') {
            const sessions = running[each.machine] as boolean[];
            if (sessions[each.session] === (each.what === 'begin')) continue;
            sessions[each.session] = each.what === 'begin';
            const client = machines[each.machine] as MnemeClientDouble;
            await (each.what === 'begin' ? client.pull() : client.push());
          } else {
            // Nothing is written outside of a session.
            if (running[each.machine]?.some(Boolean) !== true) continue;
            const client = machines[each.machine] as MnemeClientDouble;
            const name = `${each.machine}-${(count += 1)}`;
            if (each.what === 'log') {
              client.log(name);
              written.lines.add(name);
            } else if (each.what === 'remember') {
              client.remember(name);
              written.facts.add(name);
            } else if (each.what === 'forget') {
              const fact = client.known[each.pick % Math.max(1, client.known.length)];
              if (fact === undefined) continue;
              client.forget(fact);
              written.facts.delete(fact);
            } else if (each.what === 'mention') {
              const file = `f${each.pick % 3}.ts`;
              client.mention(file, name);
              written.mentions.set(file, (written.mentions.get(file) ?? 0) + 1);
            } else if (written.decisions.size < 10) {
              client.decide(name);
              written.decisions.add(name);
            }
          }
        }

        // All sessions end; then each machine works twice more, one after the other, and writes nothing.
        for (const [index, sessions] of running.entries()) for (const isRunning of sessions) if (isRunning) await machines[index]?.push();
        for (let round = 0; round < 3; round += 1) {
          for (const client of machines) {
            server.clock.advance(TTL + 1);
            await client.pull();
            if (round < 2) await client.push();
          }
        }
        for (const client of machines) {
          expect(client.known).toEqual([...written.facts].toSorted());
          const lines = client.read('log.jsonl').split('\n').filter(Boolean);
          expect(lines.map((line) => (JSON.parse(line) as { content: string }).content).toSorted()).toEqual([...written.lines].toSorted());
          expect(client.mentions).toEqual(Object.fromEntries(written.mentions));
          expect(client.decisions).toEqual([...written.decisions].toSorted());
        }
        expect(await server.machine.replica.siblings()).toEqual([]);
      } finally {
        await server.close();
      }
    }),
    { numRuns: 12, endOnFailure: true },
  );
}, 120_000);
