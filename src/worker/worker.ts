import { processLink } from './processLink';
import { WorkerServer } from './workerServer';

// Entry of the background process: questions, or one job.
const link = processLink(process);
const server = new WorkerServer(link, () => {
  void link.flushed().then(() => process.exit(0));
});

// The extension host is gone: nobody reads the answers. A job's finished steps are on disk.
process.once('disconnect', () => process.exit(0));
// An end from outside is a cancellation: what is being written is finished, then the process ends by itself.
process.once('SIGTERM', () => {
  void server
    .stop()
    .then(() => link.flushed())
    .finally(() => process.exit(143));
});
