/** How an import run ended, in the words that people are shown. */

/** @typedef {{state: string, files?: {problem?: any, rejected?: number}[], findings_count?: Record<string, number>}} Ended */

/** Rows that were not taken in. @param {Ended} run */
export const rejectedRows = (run) => (run.files ?? []).reduce((sum, file) => sum + (file.rejected ?? 0), 0);

/** Files that could not be read. @param {Ended} run */
export const unreadFiles = (run) => (run.files ?? []).filter((file) => file.problem).length;

/**
 * Whether something failed: a file that could not be read, or rows left out because of an error. Rows that another list
 * or a newer edition stands for are left out on purpose; those are findings, but no failure.
 * @param {Ended} run
 */
export const isPartial = (run) => unreadFiles(run) > 0 || (rejectedRows(run) > 0 && (run.findings_count?.error ?? 0) > 0);

/** `partly` when a run came to its end, but something failed. @param {Ended} run */
export const stateOf = (run) => (run.state === "done" && isPartial(run) ? "partly" : run.state);
