import path from 'node:path';
import { MEM_FILE, openMemories } from '../database/memory-rows.ts';
import { measureCommitted, measureMemories } from '../database/resident.ts';
import { satchelWay, type Way } from './satchel.ts';

const rows: Way = {
  async prepare({ target }) {
    // As after the worker's first start.
    openMemories(path.join(target, MEM_FILE)).close();
    await Promise.resolve();
  },
  async receive(machine, { target }) {
    machine.remember(target);
    await Promise.resolve();
  },
  async send(machine, { source }) {
    machine.remember(source);
    await Promise.resolve();
  },
  figures: (machines, place, proxies) => measureMemories({ ...machines, ...proxies, ...place }),
};

/** Satchel with claude-mem on both machines: rows, between databases that stay where they are. */
export const satchelDatabasePeer = satchelWay('Satchel', rows);

/** The same without what counts bytes, on whose way each goes through the bench's own process: its seconds are those that a user has. */
export const satchelUncountedPeer = satchelWay('Satchel uncounted', {
  ...rows,
  counts: false,
  figures: (machines, place) => measureCommitted({ ...machines, ...place }),
});
