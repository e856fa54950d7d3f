// The commands that may need a solver, a runtime or schemas: one bundle of their own, loaded when one of them is asked for.
export { allocateCommand } from './allocateCommand';
export { analyzeCommand } from './analyzeCommand';
export { checkCommand } from './checkCommand';
export { diffCommand } from './diffCommand';
export { evaluateCommand } from './evaluateCommand';
export { exportCommand } from './exportCommand';
export { historyCommand } from './historyCommand';
export { initCommand } from './initCommand';
export { maskCommand } from './maskCommand';
export { runCommand } from './runCommand';
