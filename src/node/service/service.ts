/** What the service manager shall start. Paths are absolute. */
export interface ServiceProgram {
  /** Node's own executable. */
  readonly node: string;
  /** dist/cli/main.js. */
  readonly script: string;
  /** Set for the node: SATCHEL_HOME and the like. Nothing secret: units are readable. */
  readonly variables: Readonly<Record<string, string>>;
  /** Folder for what the node prints, where the service manager keeps no log of its own (launchd). */
  readonly logFolder: string;
}

/** One service manager's way: its file, its text, its commands. Pure. */
export interface ServiceKind {
  readonly name: 'systemd' | 'launchd';
  /** The file that the service manager reads. */
  readonly file: string;
  unit(program: ServiceProgram): string;
  /** Makes the service manager read the file, start the service now and at each login. `changed`: restart it. */
  activate(changed: boolean): readonly Command[];
  deactivate(): readonly Command[];
  /** Run after the file is gone. */
  afterRemoval(): readonly Command[];
  /** Exits with 0 where the service runs. */
  isActive(): Command;
  /** Exits with 0 where the service manager runs at all. */
  isRunning(): Command;
}

export type Command = readonly [program: string, ...args: string[]];

/** A line of every file that we write; a file without it is somebody else's. */
export const MARKER = 'Written by: satchel service install';

/** Throws where a path cannot stand in a unit. */
export function checkUnitText(text: string): string {
  if (/[\u0000-\u001f\u007f]/.test(text))
    throw new Error(`a path with control characters cannot stand in a service file: ${JSON.stringify(text)}`);
  return text;
}
