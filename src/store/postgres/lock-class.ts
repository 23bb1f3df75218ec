/** The first half of all our advisory locks, so that they meet no other program's: "Stch". 0 in the second one: migrations. */
export const LOCK_CLASS = 0x53746368;
