/** Runs the main job of the recipe named by the first argument and sends each snapshot to the parent. */
import { runJob } from '../../src/job/jobs';

const [recipePath] = process.argv.slice(2);

runJob(recipePath ?? '', { onProgress: (progress) => process.send?.({ progress }) }).then(
  (result) => process.send?.({ result: { resumedSteps: result.resumedSteps, outputs: result.outputs } }, finish),
  (error: unknown) => process.send?.({ error: error instanceof Error ? error.message : String(error) }, finish),
);

function finish(): void {
  process.disconnect();
}
