// A DOUBLE of a running Claude Code, in a process of its own: appends lines to the transcripts of some sessions, now and then a
// line in two halves, and rewrites settings.json as the real one does: read, change a key, write beside it, rename.
// Usage: node fake-claude-code.mjs HOME CWD LINES_PER_SECOND SESSION…  Stops when its stdin ends, with a whole last line.
import { appendFileSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const [home, cwd, perSecond, ...sessions] = process.argv.slice(2);
const name = path.basename(home);
const folder = path.join(home, '.claude', 'projects', cwd.replace(/[^a-zA-Z0-9]/g, '-'));
const settings = path.join(home, '.claude', 'settings.json');
mkdirSync(folder, { recursive: true });

let running = true;
process.stdin.on('end', () => (running = false)).resume();

const counts = new Map(sessions.map((session) => [session, 0]));
let written = 0;
for (let tick = 0; running; tick++) {
  const session = sessions[tick % sessions.length];
  const file = path.join(folder, `${session}.jsonl`);
  const number = counts.get(session);
  const line = `${JSON.stringify({
    type: number % 2 === 0 ? 'user' : 'assistant',
    uuid: `${session.slice(0, 24)}${String(number).padStart(12, '0')}`,
    sessionId: session,
    cwd,
    timestamp: new Date(1_790_000_000_000 + tick * 50).toISOString(),
    message: { role: number % 2 === 0 ? 'user' : 'assistant', content: `${name} says ${number} ${'and so on '.repeat(tick % 7)}` },
  })}\n`;
  if (tick % 10 === 7) {
    const half = Math.floor(line.length / 2);
    appendFileSync(file, line.slice(0, half));
    await sleep(5);
    appendFileSync(file, line.slice(half));
  } else appendFileSync(file, line);
  counts.set(session, number + 1);
  if (tick % Number(perSecond) === 0) rewriteSettings(++written);
  await sleep(1000 / Number(perSecond));
}
process.stdout.write(JSON.stringify({ lines: Object.fromEntries(counts), settings: written }));

function rewriteSettings(count) {
  let value = {};
  try {
    value = JSON.parse(readFileSync(settings, 'utf8'));
  } catch (error) {
    if (error.code !== 'ENOENT') throw error; // what does not parse was torn: that must never be seen
  }
  value[`seenBy-${name}`] = count;
  const beside = `${settings}.${process.pid}.tmp`;
  writeFileSync(beside, `${JSON.stringify(value, null, 2)}\n`);
  renameSync(beside, settings);
}
