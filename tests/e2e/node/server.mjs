// GitHub's API with state, on loopback. Argument: {"port", "baseUrl", "seed"} as JSON.
// The line "reset" on stdin restores the seed; the end of stdin ends the process, so no orphan can stay behind.
import { createEmulator } from "emulate";
import { createInterface } from "node:readline";

const { port, baseUrl, seed } = JSON.parse(process.argv[2]);
const emulator = await createEmulator({ service: "github", hostname: "127.0.0.1", port, baseUrl, seed });
console.log("ready");
for await (const line of createInterface({ input: process.stdin })) {
  if (line !== "reset") break;
  await emulator.reset();
  console.log("ok");
}
await emulator.close();
process.exit(0);
