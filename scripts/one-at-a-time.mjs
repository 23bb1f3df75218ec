import { randomUUID } from 'node:crypto';
import { link, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isRunning, processIdentity } from './process-identity.mjs';

const FREE = 'free';
const LOOK_AGAIN_MS = 200;

/**
 * Runs `work` while no other process runs what was given the same `folder`, and waits for those that do: `onWait(pid)` says
 * so, once. A process that was killed holds nothing. `work` gets `holdFor(pid)`: a program that it started, and that goes on
 * where this process is killed, is waited for too.
 *
 * The folder holds files with rising numbers. The highest says who holds the lock, or that it is free; whoever finds it free,
 * or its holder gone, makes the next one, which only one can. The highest is never taken away, so no number comes twice.
 */
export async function oneAtATime(folder, work, { onWait = () => undefined } = {}) {
  const me = (await processIdentity(process.pid)) ?? `${process.pid}`;
  let waitsFor = null;
  for (;;) {
    await mkdir(folder, { recursive: true });
    const last = await highest(folder);
    const holder = await holderOf(folder, last);
    if (holder === null) {
      const mine = last + 1;
      if (await claim(folder, mine, me)) {
        if ((await highest(folder)) === mine) return await held(folder, mine, me, work);
        // Others were here since we looked, and took theirs away after them.
        await rm(path.join(folder, `${mine}`), { force: true });
      }
      continue;
    }
    if (waitsFor === null) onWait((waitsFor = holder));
    await sleep(LOOK_AGAIN_MS);
  }
}

async function held(folder, mine, me, work) {
  const file = path.join(folder, `${mine}`);
  for (const name of await readdir(folder)) {
    if (name !== `${mine}` && !(Number(name) > mine)) await rm(path.join(folder, name), { force: true });
  }
  const holders = [me];
  const holdFor = async (pid) => {
    const identity = await processIdentity(pid);
    if (identity === null) return;
    holders.push(identity);
    await replace(folder, file, holders.join('\n'));
  };
  try {
    return await work(holdFor);
  } finally {
    await replace(folder, file, FREE).catch(ignoreMissing);
  }
}

/** The number of the process that holds lock number `last`, or null. */
async function holderOf(folder, last) {
  if (last === 0) return null;
  const text = await readFile(path.join(folder, `${last}`), 'utf8').catch(ignoreMissing);
  if (text === undefined || text === FREE) return null;
  for (const identity of text.split('\n')) if (await isRunning(identity)) return Number.parseInt(identity, 10);
  return null;
}

async function highest(folder) {
  const numbers = (await readdir(folder)).filter((name) => /^\d+$/.test(name)).map(Number);
  return Math.max(0, ...numbers);
}

/** Whether it is ours: the file appears with all that it says, or another was first. */
async function claim(folder, number, text) {
  return await withDraft(folder, text, async (draft) => {
    try {
      await link(draft, path.join(folder, `${number}`));
      return true;
    } catch (error) {
      // The new holder of the lock takes drafts away that it finds.
      if (error.code === 'EEXIST' || error.code === 'ENOENT') return false;
      throw error;
    }
  });
}

async function replace(folder, file, text) {
  await withDraft(folder, text, (draft) => rename(draft, file));
}

async function withDraft(folder, text, use) {
  const draft = path.join(folder, `draft-${randomUUID()}`);
  try {
    await writeFile(draft, text);
    return await use(draft);
  } finally {
    await rm(draft, { force: true });
  }
}

function ignoreMissing(error) {
  if (error.code !== 'ENOENT') throw error;
}
