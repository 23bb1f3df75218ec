import { execFile } from 'node:child_process';
import type { ServiceDeps } from './manager.ts';

/** Runs a command of the service manager, for 30 s at most. */
export const runCommand: ServiceDeps['run'] = ([program, ...args]) =>
  new Promise((resolve, reject) => {
    execFile(program, args, { timeout: 30_000, encoding: 'utf8' }, (error, _stdout, stderr) => {
      if (error === null) resolve({ code: 0, stderr });
      else if (error.code === 'ENOENT') resolve({ code: null, stderr: `${program} is not installed` });
      else if (error.killed === true) resolve({ code: 1, stderr: 'no answer within 30 s' });
      else if (typeof error.code === 'number') resolve({ code: error.code, stderr });
      else reject(error);
    });
  });
