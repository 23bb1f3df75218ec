import { tmpdir } from 'node:os';
import { expect, inject } from 'vitest';

/**
 * Tests of the program as a whole have their files in memory where the machine has room for it: waiting for a disk, at the end of
 * each transaction, is a third of their time; so have contracts of what another program keeps (PostgreSQL, Azurite, git). Tests of what
 * stands on a disk itself (files, folders, SQLite's files) have theirs there, as has the long run.
 */
const IN_MEMORY =
  /\/tests\/(?:(?:e2e|gateways|hostile|node)\/|contracts\/(?!files|folder-race|objects\.folder|remote\.folder|store\.sqlite))/;

// Several files have one process: what the last one had is no measure.
const disk = ((globalThis as { satchelDisk?: string }).satchelDisk ??= tmpdir());
process.env['TMPDIR'] = IN_MEMORY.test(expect.getState().testPath ?? '') ? (inject('memory') ?? disk) : disk;
