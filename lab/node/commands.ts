/**
 * Starts commands in Node and Bun.
 *
 * @module
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import type { Exit, StartCommand } from "../check/command.ts";

const isWindows = process.platform === "win32";

/** Starts a command in Node or Bun. On Windows its children are not ended with it. */
export const runCommand: StartCommand = async (program, args, env) => {
  const child = spawn(program, args, {
    detached: !isWindows, // in a process group of its own
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...env },
  });
  const { stdout, stderr } = child;
  const ended = new Promise<Exit>((resolve) =>
    child.on("exit", (code, signal) => resolve({ code: code ?? 0, signal: signal ?? undefined }))
  );
  await once(child, "spawn"); // throws the error of a command that cannot be started
  const kill = () => {
    if (isWindows) child.kill("SIGKILL");
    else endGroup(child.pid!);
  };
  return {
    stdout,
    stderr,
    ended,
    kill,
    release: () => [stdout, stderr].forEach((s) => s.destroy()),
  };
};

function endGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    if ((error as { code?: string }).code !== "ESRCH") throw error; // it has ended
  }
}
