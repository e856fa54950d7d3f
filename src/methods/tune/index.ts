export { channelStatistics, paraNormalize, type ChannelStatistics, type ParaNormalization } from './paraNormalize';
export {
  studentNetwork,
  type Student,
  type StudentGrid,
  type StudentLayer,
  type StudentOptions,
  type StudentParameter,
} from './studentNetwork';
export { tuneOutputBias } from './tuneOutputBias';
