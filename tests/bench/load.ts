/** What is carried: written once, copied for every run, and changed there. All folders are absolute. */
export interface Load {
  readonly name: string;
  /** In words, with its size. */
  readonly description: string;
  /** Fills an empty folder; the same for the same seed. */
  write(folder: string, seed: number): Promise<void>;
  edit(folder: string, seed: number): Promise<void>;
  /** What differs between two folders, in words; empty where nothing does. */
  difference(source: string, target: string): Promise<string>;
}
