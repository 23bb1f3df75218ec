/** What a failure ends with where a machine answers that nothing listens: whoever asks can only start the node there. */
export const NO_NODE_THERE = 'no node runs there now';
