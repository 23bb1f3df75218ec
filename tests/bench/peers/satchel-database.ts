import path from 'node:path';
import { MEM_FILE, openMemories } from '../database/memory-rows.ts';
import { measureMemories } from '../database/resident.ts';
import { satchelWay } from './satchel.ts';

/** Satchel with claude-mem on both machines: rows, between databases that stay where they are. */
export const satchelDatabasePeer = satchelWay('Satchel', {
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
});
