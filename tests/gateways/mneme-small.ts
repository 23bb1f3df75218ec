import { createTokenBook, type TokenBook } from '../../src/core/token-book.ts';
import { createKeys, type Grant } from '../../src/gateways/mneme/keys.ts';
import { createMnemeGateway } from '../../src/gateways/mneme/mneme-gateway.ts';
import { createMnemeRoutes } from '../../src/gateways/mneme/routes.ts';
import type { ProjectSpaces } from '../../src/gateways/mneme/spaces.ts';
import { DEFAULT_LIMITS } from '../../src/gateways/native/limits.ts';
import { listenWith, type Listener } from '../../src/gateways/native/listener.ts';
import { givenProject, type MnemeProject } from '../../src/kinds/mneme/names.ts';
import type { TestClock } from '../contracts/test-clock.ts';
import { createSmallSpace, type SmallMachine } from '../replica/small-space.ts';
import { askMneme, type AskOptions, type MnemeAnswer } from './mneme-place.ts';

/** The gateway over one space in memory, whose time a test moves. */
export interface SmallMneme {
  readonly clock: TestClock;
  readonly machine: SmallMachine;
  readonly tokens: TokenBook<Grant>;
  ask(method: string, target: string, options: AskOptions): Promise<MnemeAnswer>;
  /** A new process on the same store. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

export async function startSmallMneme(seed: string, lockLifetime: number): Promise<SmallMneme> {
  const { owner: machine } = await createSmallSpace(seed);
  const { store, random } = machine.deps;
  const clock = machine.deps.clock as TestClock;
  const tokens = createTokenBook<Grant>({ store, clock, random, collection: 'mneme-tokens', prefix: 'mneme_' });
  const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
  const failures: unknown[] = [];

  async function serve(): Promise<{ listener: Listener; close(): Promise<void> }> {
    const spaces: ProjectSpaces = {
      projectOf: async (id) => {
        const project = givenProject(id);
        if (!project.ok) throw new Error(project.error);
        return project.value as MnemeProject;
      },
      find: async () => machine.replica,
      make: async () => machine.replica,
    };
    const gateway = createMnemeGateway({ store, clock, spaces, lockLifetime });
    const routes = createMnemeRoutes({
      gateway,
      spaces,
      keys: createKeys({ tokens, written: null }),
      onFailure: (error) => failures.push(error),
    });
    const rate = { burst: 1e9, perSecond: 1e9 };
    const listener = await listenWith(
      { serve: routes, limits: { ...DEFAULT_LIMITS, requests: rate }, clock, random, log },
      { host: '127.0.0.1', port: 0, takesChunked: true },
    );
    return {
      listener,
      async close() {
        await listener.close();
        await gateway.close();
      },
    };
  }

  let served = await serve();
  return {
    clock,
    machine,
    tokens,
    ask: (method, target, options) => askMneme(served.listener.address, method, target, options),
    async restart() {
      // Clients that just closed their connections have said so by then.
      await clock.sleep(25);
      await served.close();
      await machine.restart();
      served = await serve();
    },
    async close() {
      await served.close();
      await store.close();
      if (failures.length > 0) throw failures[0];
    },
  };
}
