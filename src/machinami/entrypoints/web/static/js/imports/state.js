/** How an import run ended, in the words that people are shown. */

/** @typedef {{state: string, files?: {problem?: any, rejected?: number}[]}} Ended */

/** Rows that could not be taken in. @param {Ended} run */
export const rejectedRows = (run) => (run.files ?? []).reduce((sum, file) => sum + (file.rejected ?? 0), 0);

/** Files that could not be read. @param {Ended} run */
export const unreadFiles = (run) => (run.files ?? []).filter((file) => file.problem).length;

/** `partly` when a run came to its end without some file or row. @param {Ended} run */
export const stateOf = (run) => (run.state === "done" && (unreadFiles(run) || rejectedRows(run)) ? "partly" : run.state);
