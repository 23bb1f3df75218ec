import path from 'node:path';
import { fail, ok, type Result } from '../core/result.ts';
import type { Environment } from './environment.ts';
import { readPrivateFile } from './private-file.ts';
import type { ConfigProblem } from './problem.ts';

/** In SATCHEL_HOME: looked at where the environment names nothing. */
const OWN_FILE = path.join('keys', 'store-password');

/**
 * The password of the database in which a hub keeps its store: from the environment, from the file that it names, or from
 * `keys/store-password` in SATCHEL_HOME; `null` where there is none. A file's last line break is not part of it.
 */
export async function readStorePassword(environment: Environment): Promise<Result<string | null, ConfigProblem>> {
  const { storePassword, storePasswordFile, home } = environment;
  if (storePassword !== null) return ok(storePassword);
  const read = await readPrivateFile(storePasswordFile ?? path.join(home, OWN_FILE));
  if (!read.ok) return read;
  if (read.value !== null) return ok(read.value.replace(/\r?\n$/, ''));
  if (storePasswordFile === null) return ok(null);
  return fail({
    where: 'the environment',
    key: 'SATCHEL_STORE_PASSWORD_FILE',
    message: 'names a file that is not there',
    fix: 'Write the password into it, with mode 0600',
  });
}
