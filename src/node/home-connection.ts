import type { Remote } from '../core/ports/remote.ts';

export interface HomeConnection {
  /** `null` while it is not open. */
  readonly remote: Remote | null;
  /** Opened if it was not yet, and again where that failed before. Throws RemoteError. */
  connected(): Promise<Remote>;
  /** Its connections may be dead without knowing it: what is done by them next finds out ({@link HomeConnection.proving}). */
  doubt(): void;
  /** Works by its connections. Where they are in doubt they hold from then on, or are dropped if it fails. */
  proving<T>(work: () => Promise<T>): Promise<T>;
  /** Closes it: who asks for it next gets a new one. */
  drop(): Promise<void>;
}

/** The home remote of a space, open from when it is needed first. `onOpen` is told of each that is opened. */
export function createHomeConnection(open: () => Promise<Remote>, onOpen: (remote: Remote) => void): HomeConnection {
  let remote: Remote | null = null;
  let opening: Promise<Remote> | null = null;
  let doubted: Remote | null = null;

  async function openOne(): Promise<Remote> {
    const opened = await open();
    remote = opened;
    onOpen(opened);
    return opened;
  }

  async function drop(): Promise<void> {
    const dropped = remote;
    remote = null;
    doubted = null;
    await dropped?.close();
  }

  return {
    get remote() {
      return remote;
    },
    async connected() {
      if (remote !== null) return remote;
      // One for all who ask meanwhile: what comes along on the live stream is read from the remote that listens.
      opening ??= openOne().finally(() => (opening = null));
      return opening;
    },
    doubt: () => void (doubted = remote),
    async proving(work) {
      try {
        const done = await work();
        doubted = null;
        return done;
      } catch (error) {
        if (doubted !== null && doubted === remote) await drop();
        throw error;
      }
    },
    drop,
  };
}
