export function sampleWorkspace(): string;
