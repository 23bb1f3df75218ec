/** Resolves to the path of `cli/main.js`. */
export declare function bundle(root: string, dist: string, more?: Readonly<Record<string, string>>): Promise<string>;
