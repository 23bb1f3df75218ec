import { readFile } from 'node:fs/promises';
import type { Config } from '../../config/config.ts';
import { parseStoreAddress } from '../../config/store-address.ts';
import { readStorePassword } from '../../config/store-password.ts';
import { problemToText } from '../../config/problem.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Random } from '../../core/ports/random.ts';
import type { HangHearing } from '../../store/postgres/hang-watch.ts';
import type { PostgresDatabase } from '../../store/postgres/postgres-database.ts';
import type { PostgresOptions } from '../../store/postgres/postgres-options.ts';
import { StoreUnusable } from '../../store/store-unusable.ts';
import { PLACE } from '../hub-objects.ts';
import { HUB_COLLECTION, IDENTITY, MOVING } from './hub-identity.ts';

/** The database that several hubs keep their store in. `StoreUnusable` and `StoreUnavailable` say what is wrong. */
export async function openSharedStore(
  address: string,
  config: Pick<Config, 'environment'>,
  deps: { readonly clock: Clock; readonly random: Random } & HangHearing,
): Promise<PostgresDatabase> {
  const options = await optionsOf(address, config);
  // Loaded where it is needed: no other node has such a store.
  const { openPostgres } = await import('../../store/postgres/postgres-database.ts');
  return openPostgres(options, { ...deps, checksNesting: false });
}

/** Whether a database can be used, and by whom it is used already. */
export interface SharedStoreProbe {
  /** As shown to people. */
  readonly address: string;
  readonly hasLogs: boolean;
  /** Row policies do not hold for the user that it logs in as. */
  readonly isUnbound: boolean;
  /** The hub that keeps it; `null`: none does yet. */
  readonly keptBy: string | null;
  /** A move of a store into it was begun, and did not end. */
  readonly isMoving: boolean;
  /** It says where bodies lie: a hub was started on it before. */
  readonly hasPlace: boolean;
}

/** Changes nothing there. Throws as {@link openSharedStore}. */
export async function probeSharedStore(
  address: string,
  config: Pick<Config, 'environment'>,
  hearing: HangHearing = {},
): Promise<SharedStoreProbe> {
  const options = await optionsOf(address, config);
  const { probePostgres } = await import('../../store/postgres/postgres-database.ts');
  const wanted = [{ collection: HUB_COLLECTION, id: IDENTITY }, { collection: HUB_COLLECTION, id: MOVING }, PLACE];
  const { documents, ...found } = await probePostgres(options, wanted, hearing);
  const [kept, moving, place] = documents as [{ readonly machine: string } | undefined, unknown, unknown];
  return { ...found, keptBy: kept?.machine ?? null, isMoving: moving !== undefined, hasPlace: place !== undefined };
}

async function optionsOf(text: string, { environment }: Pick<Config, 'environment'>): Promise<PostgresOptions> {
  const parsed = parseStoreAddress(text);
  if (!parsed.ok) throw new StoreUnusable('misconfigured', parsed.error);
  const password = await readStorePassword(environment);
  if (!password.ok) throw new StoreUnusable('misconfigured', problemToText(password.error));
  const { authorityFile, ...address } = parsed.value;
  const authorities = authorityFile === null ? undefined : await readAuthorities(authorityFile);
  return { ...address, password: password.value ?? undefined, authorities };
}

async function readAuthorities(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new StoreUnusable('misconfigured', `the certificates in ${file} cannot be read: ${(error as Error).message}`, error);
  }
}
